internal import Learning
internal import SequenceModels

/// The counting models that run beside the neural one: what it must beat, in the same currency, and
/// what stands in for it where a user is unknown.
struct Yardsticks {
    private(set) var popularity = PopularityRanking(halfLife: popularityHalfLife)
    private var transitions = SequentialRules(stepsMax: 1, successorsMax: successorsMax)
    private var rules = SequentialRules(stepsMax: rulesStepsMax, successorsMax: successorsMax)

    /// Events after which an occurrence is worth half.
    static let popularityHalfLife = 1_000_000
    /// An item remembers this many of the items that followed it.
    static let successorsMax = 128
    /// How far back a rule reaches (Ludewig and Jannach 2018).
    static let rulesStepsMax = 10

    /// What each would list after `last`, best first. Where the rules know too few successors, the most
    /// popular items follow them.
    func lists(count: Int, after last: ItemIndex, excluding excluded: [ItemIndex]) -> [String: [ItemIndex]] {
        let popular = popularity.top(2 * count, excluding: excluded)
        func filled(_ rules: borrowing SequentialRules) -> [ItemIndex] {
            let successors = rules.top(count, after: last, excluding: excluded)
            return successors + popular.lazy.filter { !successors.contains($0) }.prefix(count - successors.count)
        }
        return [
            YardstickName.popular: Array(popular.prefix(count)),
            YardstickName.markov: filled(transitions),
            YardstickName.rules: filled(rules),
        ]
    }

    /// Counts one event that came after `window`, oldest item first.
    mutating func observe(_ item: ItemIndex, after window: [ItemIndex]) {
        popularity.observe(item)
        transitions.observe(item, after: window)
        rules.observe(item, after: window)
    }

    /// Forgets an item whose row goes to another.
    mutating func remove(_ item: ItemIndex) {
        popularity.remove(item)
        transitions.remove(item)
        rules.remove(item)
    }

    mutating func restorePopularity(counts: [UInt32], eventsUntilHalving: Int, halvings: UInt32) {
        popularity.restore(counts: counts, eventsUntilHalving: eventsUntilHalving, halvings: halvings)
    }
}

/// The names of the counting models, in metrics and reports.
public enum YardstickName {
    public static let popular = "popular"
    public static let markov = "markov"
    public static let rules = "rules"
    public static let all = [popular, markov, rules]
}
