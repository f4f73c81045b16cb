internal import Learning
internal import SequenceModels

/// The counting models that run beside the neural one: what it must beat, in the same currency, and
/// what stands in for it where a user is unknown.
struct Yardsticks {
    private(set) var popularity = PopularityRanking(halfLife: popularityHalfLife)
    private var transitions = SequentialRules(stepsMax: 1, successorsMax: successorsMax)
    private var rules = SequentialRules(stepsMax: rulesStepsMax, successorsMax: successorsMax)
    /// Nil where it is not asked for: it costs as much as the rest of an event.
    private var neighbors: SessionNeighbors?

    /// Events after which an occurrence is worth half.
    static let popularityHalfLife = 1_000_000
    /// An item remembers this many of the items that followed it.
    static let successorsMax = 128
    /// How far back a rule reaches (Ludewig and Jannach 2018).
    static let rulesStepsMax = 10

    init(withNeighbors sessionLengthMax: Int?) {
        neighbors = sessionLengthMax.map { SessionNeighbors(lengthMax: $0) }
    }

    /// What each would list after `window`, best first. Where a model knows too few items, the most popular
    /// ones follow them.
    ///
    /// - Parameter session: the row of the session that the window is the end of; the window is not empty.
    mutating func lists(
        count: Int, after window: [ItemIndex], session: Int, excluding excluded: [ItemIndex], withNeighbors: Bool
    ) -> [String: [ItemIndex]] {
        guard let last = window.last else { return [:] }
        let popular = popularity.top(2 * count, excluding: excluded)
        func filled(_ items: [ItemIndex]) -> [ItemIndex] {
            items + popular.lazy.filter { !items.contains($0) }.prefix(count - items.count)
        }
        var lists = [
            YardstickName.popular: Array(popular.prefix(count)),
            YardstickName.markov: filled(transitions.top(count, after: last, excluding: excluded)),
            YardstickName.rules: filled(rules.top(count, after: last, excluding: excluded)),
        ]
        if withNeighbors, let near = neighbors?.top(Self.blendedMax, after: window, session: session, excluding: excluded) {
            lists[YardstickName.neighbors] = filled(near.prefix(count).map(\.item))
            lists[YardstickName.neighborsAndRules] = filled(blend(near, rules.rules(after: last, excluding: excluded), count))
        }
        return lists
    }

    /// Neighbours that a blend looks at.
    private static let blendedMax = 200

    /// The sum of both scores, each as a share of its best one.
    private func blend(
        _ near: [SessionNeighbors.Candidate], _ successors: [SequentialRules.Successor], _ count: Int
    ) -> [ItemIndex] {
        var scores: [ItemIndex: Float] = [:]
        let (best, strongest) = (near.first?.score ?? 1, successors.map(\.weight).max() ?? 1)
        for candidate in near { scores[candidate.item] = candidate.score / max(best, .leastNormalMagnitude) }
        for successor in successors { scores[successor.item, default: 0] += successor.weight / strongest }
        return scores.sorted { left, right in
            left.value != right.value ? left.value > right.value : left.key < right.key
        }.prefix(count).map(\.key)
    }

    /// Adds what the nearest sessions and the rules say after `window`, and the most popular items.
    mutating func fill(_ pool: inout CandidatePool, after window: [ItemIndex], session: Int, count: Int) {
        guard let last = window.last else { return }
        let near = neighbors?.top(count, after: window, session: session, excluding: []) ?? []
        for candidate in near {
            let share = candidate.score / max(near[0].score, .leastNormalMagnitude)
            pool.set(Blend.Feature.neighbors, of: candidate.item, to: Blend.logShare(share))
        }
        let successors = rules.rules(after: last, excluding: []).sorted { left, right in
            left.weight != right.weight ? left.weight > right.weight : left.item < right.item
        }
        for successor in successors.prefix(count) {
            let share = successor.weight / successors[0].weight
            pool.set(Blend.Feature.rules, of: successor.item, to: Blend.logShare(share))
        }
    }

    /// How often an item had occurred before the items of `later`.
    func occurrences(of item: ItemIndex, before later: ArraySlice<ItemIndex>) -> Int {
        max(0, Int(popularity.count(of: item)) - later.count { $0 == item })
    }

    /// Counts one event of a session that came after `window`, oldest item first.
    mutating func observe(_ item: ItemIndex, after window: [ItemIndex], session: Int, at sequence: UInt64) {
        popularity.observe(item)
        observeOrder(item, after: window, session: session, at: sequence)
    }

    /// Counts what followed what, and not how often: what is rebuilt from kept sessions after a restart.
    mutating func observeOrder(_ item: ItemIndex, after window: [ItemIndex], session: Int, at sequence: UInt64) {
        transitions.observe(item, after: window)
        rules.observe(item, after: window)
        neighbors?.observe(item, session: session, at: sequence)
    }

    /// Forgets a session whose user left.
    mutating func remove(session: Int) { neighbors?.remove(session: session) }

    /// Forgets an item whose row goes to another.
    mutating func remove(_ item: ItemIndex) {
        popularity.remove(item)
        transitions.remove(item)
        rules.remove(item)
        neighbors?.remove(item)
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
    public static let neighbors = "knn"
    public static let neighborsAndRules = "knn+rules"

    /// Those that always run, and those that run where they are asked for.
    public static let always = [popular, markov, rules]
    public static let onRequest = [neighbors, neighborsAndRules]
}
