public import SequenceModels
public import Tensors

// V = item count, D = hidden width

/// From the newest events of a few sessions to the items that fit best next, over a `Snapshot` only.
///
/// Owns the workspace of one thread; nothing is allocated a list. Sessions are encoded one by one, and
/// ranked together: the item table is read once for all of them. Several recommenders may work on one snapshot side by
/// side, each with a share of the sessions.
public struct Recommender: ~Copyable {
    /// The encoded sessions, one a slot.
    private var queries: QuantizedQueries
    /// The session being encoded, [1 x D].
    private var hidden: Matrix
    /// The best candidates of the last ranking, a list a slot, in falling score order.
    public private(set) var candidates: [TopK]
    /// The sessions' own items, a list a slot.
    private var repeated: [[RepeatedItem]]
    /// Candidates that are wanted, a number a slot.
    private var limits: [Int]
    /// A list in the making.
    private var settled: TopK
    private var sessionItems: [ItemIndex] = []
    /// Scores of the session's own items.
    private var repeatedScores: [Float] = []

    /// Sessions that are ranked together at most.
    public static let sessionsMax = QuantizedQueries.scanMax

    /// Which of the snapshot's encoders it uses.
    private let share: Int
    private var probe = ClusterProbe()
    /// What the index found where the exact lists are made as well.
    private var found: [TopK]
    /// Measures what lists cost that are made both ways.
    public var stopwatch: Stopwatch?
    /// What came of it, where the last lists were.
    public private(set) var comparison = RankingComparison()

    /// - Parameters:
    ///   - candidatesMax: list length plus the most items that rules can take out of it.
    ///   - share: which of the snapshot's encoders it uses; two recommenders that work side by side use different ones.
    public init(dimensions: Int, candidatesMax: Int, share: Int = 0) {
        self.share = share
        let candidatesMax = candidatesMax + RepeatHead.itemsMax
        found = (0..<Self.sessionsMax).map { _ in TopK(capacity: candidatesMax) }
        settled = TopK(capacity: candidatesMax)
        repeated = (0..<Self.sessionsMax).map { _ in [] }
        limits = [Int](repeating: 0, count: Self.sessionsMax)
        queries = QuantizedQueries(capacity: Self.sessionsMax, columns: dimensions)
        hidden = Matrix(rows: 1, columns: dimensions)
        candidates = (0..<Self.sessionsMax).map { _ in TopK(capacity: candidatesMax) }
    }

    /// Encodes `window`, oldest event first, and ranks every item of the snapshot after it; the result
    /// is the first of ``candidates``.
    ///
    /// - Parameter limit: candidates wanted.
    /// - Throws: `TensorError.notFinite` where the encoder produced no usable state.
    public mutating func rank(
        after window: Span<SessionEvent>, in snapshot: borrowing Snapshot, limit: Int
    ) throws(TensorError) {
        try encode(window, nil, in: snapshot, limit: limit, into: 0)
        rank(1, in: snapshot)
    }

    /// Encodes `window`, oldest event first, into the query of `slot`.
    ///
    /// - Parameters:
    ///   - step: see ``Snapshot/plan(_:length:version:)``.
    ///   - limit: candidates wanted.
    /// - Throws: `TensorError.notFinite` where the encoder produced no usable state.
    public mutating func encode(
        _ window: Span<SessionEvent>, _ step: KeptStep?, in snapshot: borrowing Snapshot, limit: Int, into slot: Int
    ) throws(TensorError) {
        try snapshot.encode(window, step, share: share, into: &hidden)
        findRepeats(window, in: snapshot, slot)
        if let temperature = snapshot.temperature {
            hidden.normalizeRow(0)
            hidden.scaleRow(0, by: 1 / temperature)
        }
        try queries.quantize(hidden, row: 0, into: slot)
        limits[slot] = limit
        candidates[slot].removeAll(limit: limit + repeated[slot].count)
    }

    private mutating func findRepeats(_ window: Span<SessionEvent>, in snapshot: borrowing Snapshot, _ slot: Int) {
        RepeatHead.items(of: window, into: &sessionItems)
        repeated[slot].removeAll(keepingCapacity: true)
        for item in sessionItems { repeated[slot].append(RepeatedItem(item: item, addition: 0)) }
        snapshot.repeats.add(to: &repeated[slot], after: hidden)
    }

    /// Puts the session's own items where they belong with what is added to their scores: the other candidates were
    /// ranked to so many places more.
    private mutating func settle(_ slot: Int, in snapshot: borrowing Snapshot) {
        let own = repeated[slot]
        guard !own.isEmpty else { return }
        settled.removeAll(limit: limits[slot])
        for place in 0..<candidates[slot].count {
            let (item, score) = (candidates[slot].index(at: place), candidates[slot].score(at: place))
            if !own.contains(where: { Int($0.item) == item }) { settled.insert(index: item, score: score) }
        }
        score(sessionItems: own, slot, in: snapshot)
        // The score of a hidden item is -∞: it is not taken.
        for place in own.indices {
            let score = repeatedScores[place]
            settled.insert(index: Int(own[place].item), score: score)
        }
        let list = candidates[slot]
        candidates[slot] = settled
        settled = list
    }

    private mutating func score(sessionItems own: [RepeatedItem], _ slot: Int, in snapshot: borrowing Snapshot) {
        sessionItems.removeAll(keepingCapacity: true)
        for repeated in own { sessionItems.append(repeated.item) }
        // Taken out for the call: both are parts of one value.
        var scores = exchange(&repeatedScores, with: [])
        scores.removeAll(keepingCapacity: true)
        scores.append(contentsOf: repeatElement(0, count: own.count))
        var target = scores.mutableSpan
        snapshot.items.scores(of: sessionItems.span, queries, slot, into: &target)
        for place in own.indices { target[place] += own[place].addition }
        repeatedScores = scores
    }

    /// Ranks every item of the snapshot for the sessions in the first `count` slots, into ``candidates``.
    ///
    /// - Parameters:
    ///   - way: exactly, or by the snapshot's index; the index knows of no hidden item.
    ///   - reach: see `ClusteredIndex.rank`.
    public mutating func rank(
        _ count: Int, in snapshot: borrowing Snapshot, _ way: RankingChoice.Way = .exact, reach: Float = 0
    ) {
        comparison = RankingComparison()
        switch snapshot.hasCompleteIndex ? way : .exact {
        case .exact: snapshot.items.topK(queries, count: count, into: &candidates)
        case .approximate: snapshot.rankApproximately(queries, count, reach: reach, using: &probe, into: &candidates)
        case .both: compare(count, in: snapshot, reach: reach)
        }
        for slot in 0..<count { settle(slot, in: snapshot) }
    }

    /// Ranks both ways; the exact lists are the ones that count.
    private mutating func compare(_ count: Int, in snapshot: borrowing Snapshot, reach: Float) {
        for slot in 0..<count { found[slot].removeAll(limit: candidates[slot].limit) }
        let began = stopwatch?()
        snapshot.rankApproximately(queries, count, reach: reach, using: &probe, into: &found)
        let between = stopwatch?()
        snapshot.items.topK(queries, count: count, into: &candidates)
        let ended = stopwatch?()
        comparison.count = count
        for slot in 0..<count {
            // The last score of the exact list tells which of the others belong there.
            let exact = candidates[slot]
            guard exact.count > 0 else { continue }
            let last = exact.score(at: exact.count - 1)
            comparison.wanted += exact.count
            comparison.found += (0..<found[slot].count).count { found[slot].score(at: $0) >= last }
        }
        if let began, let between, let ended { comparison.times = (ended &- between, between &- began) }
    }

    /// The scores of some items for the session in `slot`, as it was encoded last.
    ///
    /// - Parameter scores: as many as `items`.
    public func scores(
        of items: Span<ItemIndex>, _ slot: Int, in snapshot: borrowing Snapshot, into scores: inout MutableSpan<Float>
    ) {
        snapshot.items.scores(of: items, queries, slot, into: &scores)
        let own = repeated[slot]
        for place in items.indices {
            if let repeated = own.first(where: { $0.item == items[place] }) { scores[place] += repeated.addition }
        }
    }
}
