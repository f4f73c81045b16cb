internal import Learning
internal import SequenceModels
internal import Tensors

/// The counting models that run beside the neural one: what it must beat, in the same currency, and
/// what stands in for it where a user is unknown.
struct Yardsticks {
    var popularity = PopularityRanking(halfLife: popularityHalfLife)
    var transitions = SequentialRules(stepsMax: 1, successorsMax: successorsMax)
    var rules = SequentialRules(stepsMax: rulesStepsMax, successorsMax: successorsMax)
    /// Nil where it is not asked for: it costs as much as the rest of an event.
    var neighbors: SessionNeighbors?

    /// Events after which an occurrence is worth half.
    static let popularityHalfLife = 1_000_000
    /// An item remembers this many of the items that followed it.
    static let successorsMax = 128
    /// How far back a rule reaches (Ludewig and Jannach 2018).
    static let rulesStepsMax = 10

    init(withNeighbors sessionLengthMax: Int?) {
        neighbors = sessionLengthMax.map { SessionNeighbors(lengthMax: $0) }
    }

    /// What the neighbours and the rules say of a session, best first: asked once, read for their lists and
    /// for the pool of a blend.
    struct Candidates {
        /// Nil where neighbours are not kept, or not asked.
        var neighbors: [SessionNeighbors.Candidate]?
        var rules: [SequentialRules.Successor]
        /// Rules of one step.
        var transitions: [SequentialRules.Successor]
    }

    /// The workspace of a thread that asks: nothing is allocated once it has grown, where what was answered is let go
    /// before the next question.
    struct Query {
        fileprivate var neighbors = SessionNeighbors.Query()
        fileprivate var rules: [SequentialRules.Successor] = []
        fileprivate var transitions: [SequentialRules.Successor] = []
    }

    /// - Parameters:
    ///   - window: the newest items of the session, oldest first.
    ///   - session: the row of the session, which is no neighbour of its own; any other number where it has none.
    ///   - neighborsMax: candidates of neighbours at most; nil where none are wanted.
    func candidates(
        after window: [ItemIndex], session: Int, excluding excluded: ItemSet, neighborsMax: Int?,
        using query: inout Query
    ) -> Candidates {
        var near: [SessionNeighbors.Candidate]?
        if let neighborsMax, let neighbors {
            near = neighbors.top(neighborsMax, after: window, session: session, excluding: excluded, using: &query.neighbors)
        }
        guard let last = window.last else { return Candidates(neighbors: near, rules: [], transitions: []) }
        rules.rank(after: last, excluding: excluded, into: &query.rules)
        transitions.rank(after: last, excluding: excluded, into: &query.transitions)
        return Candidates(neighbors: near, rules: query.rules, transitions: query.transitions)
    }

    /// What each would list, best first. Where a model knows too few items, the most popular
    /// ones follow them.
    func lists(
        count: Int, _ candidates: Candidates, excluding excluded: ItemSet
    ) -> [String: [ItemIndex]] {
        let popular = popularity.top(2 * count, excluding: excluded)
        func filled(_ items: some Collection<ItemIndex>) -> [ItemIndex] {
            Array(items) + popular.lazy.filter { !items.contains($0) }.prefix(count - items.count)
        }
        var lists = [
            YardstickName.popular: Array(popular.prefix(count)),
            YardstickName.markov: filled(candidates.transitions.prefix(count).map(\.item)),
            YardstickName.rules: filled(candidates.rules.prefix(count).map(\.item)),
        ]
        if let near = candidates.neighbors {
            lists[YardstickName.neighbors] = filled(near.prefix(count).map(\.item))
            lists[YardstickName.neighborsAndRules] = filled(blend(near, candidates.rules, count))
        }
        return lists
    }

    /// Tells where each of ``lists(count:_:excluding:)`` has an item, from 1, without making the lists: nil for a miss.
    /// Neighbours are not asked.
    ///
    /// - Parameters:
    ///   - item: nil where no list can have it.
    ///   - last: the newest item of the session.
    ///   - popular: memory to work in.
    func tellRanks(
        of item: ItemIndex?, after last: ItemIndex, count: Int, using popular: inout [ItemIndex],
        _ tell: (_ model: String, _ rank: Int?) -> Void
    ) {
        guard let item else { return YardstickName.always.forEach { tell($0, nil) } }
        let isPopular = popularity.mayList(item, 2 * count)
        if isPopular { popularity.list(2 * count, excluding: [], into: &popular) }
        let fame = isPopular ? popular.firstIndex(of: item) : nil
        tell(YardstickName.popular, fame.flatMap { $0 < count ? $0 + 1 : nil })
        tell(YardstickName.markov, Self.rank(of: item, after: last, count: count, transitions, fame, popular))
        tell(YardstickName.rules, Self.rank(of: item, after: last, count: count, rules, fame, popular))
    }

    /// Where an item stands among what follows `last` and, behind that, what is popular.
    private static func rank(
        of item: ItemIndex, after last: ItemIndex, count: Int, _ rules: SequentialRules, _ fame: Int?, _ popular: [ItemIndex]
    ) -> Int? {
        var rank = rules.rank(of: item, after: last)
        let known = rules.count(after: last)
        if rank == nil, let fame, known < count {
            // The popular ones that the model did not name follow those that it did.
            rank = 1 + known + popular[..<fame].count { rules.rank(of: $0, after: last) == nil }
        }
        return rank.flatMap { $0 <= count ? $0 : nil }
    }

    /// Neighbours that a blend looks at.
    static let blendedMax = 200

    /// The sum of both scores, each as a share of its best one.
    private func blend(
        _ near: [SessionNeighbors.Candidate], _ successors: [SequentialRules.Successor], _ count: Int
    ) -> [ItemIndex] {
        var scores: [ItemIndex: Float] = [:]
        for candidate in near { scores[candidate.item] = Self.share(candidate.score, of: near[0].score) }
        for successor in successors { scores[successor.item, default: 0] += successor.weight / successors[0].weight }
        return scores.sorted { left, right in
            left.value != right.value ? left.value > right.value : left.key < right.key
        }.prefix(count).map(\.key)
    }

    private static func share(_ score: Float, of best: Float) -> Float { score / max(best, .leastNormalMagnitude) }

    /// Adds the best `count` of the nearest sessions and of the rules, each with what it says.
    ///
    /// - Parameter places: those of the pool.
    func fill(
        _ pool: inout CandidatePool, with candidates: Candidates, count: Int, _ places: inout StampedPlaces
    ) {
        let near = candidates.neighbors ?? []
        for candidate in near.prefix(count) {
            let share = Self.share(candidate.score, of: near[0].score)
            pool.set(Blend.Feature.neighbors, of: candidate.item, to: Blend.logShare(share), &places)
        }
        for (feature, successors) in [
            (Blend.Feature.rules, candidates.rules), (Blend.Feature.transitions, candidates.transitions),
        ] {
            for successor in successors.prefix(count) {
                let share = Self.share(successor.weight, of: successors[0].weight)
                pool.set(feature, of: successor.item, to: Blend.logShare(share), &places)
            }
        }
    }

    /// What each says of some items, as logarithms: of a share of the best score, or of all events.
    func scores(
        of items: [ItemIndex], _ candidates: Candidates, events: UInt64
    ) -> [String: [Float]] {
        func shares(_ successors: [SequentialRules.Successor]) -> [Float] {
            items.map { item in
                let weight = successors.first { $0.item == item }?.weight ?? 0
                return weight / max(successors.first?.weight ?? 1, .leastNormalMagnitude)
            }
        }
        let ruled = shares(candidates.rules)
        var scores = [
            YardstickName.popular: items.map { Blend.logFrequency(Int(popularity.count(of: $0)), of: events) },
            YardstickName.markov: shares(candidates.transitions).map(Blend.logShare),
            YardstickName.rules: ruled.map(Blend.logShare),
        ]
        if let near = candidates.neighbors {
            let shares = items.map { item in
                near.first { $0.item == item }.map { Self.share($0.score, of: near[0].score) } ?? 0
            }
            scores[YardstickName.neighbors] = shares.map(Blend.logShare)
            scores[YardstickName.neighborsAndRules] = zip(shares, ruled).map { Blend.logShare(($0 + $1) / 2) }
        }
        return scores
    }

    /// How often an item has occurred.
    func occurrences(of item: ItemIndex) -> Int { Int(popularity.count(of: item)) }

    /// Counts one event of a session that came after `window`, oldest item first.
    mutating func observe(_ item: ItemIndex, after window: [ItemIndex], session: Int, at sequence: UInt64) {
        popularity.observe(item)
        observeOrder(item, after: window, session: session, at: sequence)
    }

    /// Counts what followed what, and not how often: what is rebuilt from kept sessions after a restart.
    mutating func observeOrder(_ item: ItemIndex, after window: [ItemIndex], session: Int, at sequence: UInt64) {
        transitions.observe(item, after: window)
        rules.observe(item, after: window)
        observeNeighbors(item, session: session, at: sequence)
    }

    mutating func observeNeighbors(_ item: ItemIndex, session: Int, at sequence: UInt64) {
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
