public import SequenceModels
public import Tensors

// V = item count, D = hidden width

/// From the newest events of a few sessions to the items that fit best next, over a `Snapshot` only.
///
/// Owns the workspace of one thread; nothing is allocated a list. Sessions are encoded one by one, and
/// ranked together: the item table is read once for all of them.
public struct Recommender: ~Copyable {
    /// The encoded sessions, one a slot.
    private var queries: QuantizedQueries
    /// The session being encoded, [1 x D].
    private var hidden: Matrix
    /// The best candidates of the last ranking, a list a slot, in falling score order.
    public private(set) var candidates: [TopK]

    /// Sessions that are ranked together at most.
    public static let sessionsMax = QuantizedQueries.scanMax

    private var choice: RankingChoice
    private var probe = ClusterProbe()
    /// What the index found where the exact lists are made as well.
    private var found: [TopK]
    /// Measures what lists cost; without it the automatic choice is the exact one.
    public var stopwatch: Stopwatch?

    /// - Parameters:
    ///   - candidatesMax: list length plus the most items that rules can take out of it.
    ///   - mode: how lists are found in a snapshot that has an index.
    public init(dimensions: Int, candidatesMax: Int, index mode: IndexMode) {
        choice = RankingChoice(mode: mode)
        found = (0..<Self.sessionsMax).map { _ in TopK(capacity: candidatesMax) }
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
        try encode(window, in: snapshot, limit: limit, into: 0)
        rank(1, in: snapshot)
    }

    /// Encodes `window`, oldest event first, into the query of `slot`.
    ///
    /// - Parameter limit: candidates wanted.
    /// - Throws: `TensorError.notFinite` where the encoder produced no usable state.
    public mutating func encode(
        _ window: Span<SessionEvent>, in snapshot: borrowing Snapshot, limit: Int, into slot: Int
    ) throws(TensorError) {
        try snapshot.encoder.encode(window, items: snapshot.items, into: &hidden)
        if let temperature = snapshot.temperature {
            hidden.normalizeRow(0)
            hidden.scaleRow(0, by: 1 / temperature)
        }
        try queries.quantize(hidden, row: 0, into: slot)
        candidates[slot].removeAll(limit: limit)
    }

    /// Ranks every item of the snapshot for the sessions in the first `count` slots, into ``candidates``.
    public mutating func rank(_ count: Int, in snapshot: borrowing Snapshot) {
        switch snapshot.hasCompleteIndex ? choice.next(isTimed: stopwatch != nil, count: count) : .exact {
        case .exact: snapshot.items.topK(queries, count: count, into: &candidates)
        case .approximate:
            snapshot.rankApproximately(queries, count, reach: choice.reach, using: &probe, into: &candidates)
        case .both: compare(count, in: snapshot)
        }
    }

    /// The same without the index, which knows of no hidden item.
    public mutating func rankExactly(_ count: Int, in snapshot: borrowing Snapshot) {
        snapshot.items.topK(queries, count: count, into: &candidates)
    }

    /// Ranks both ways; the exact lists are the ones that count.
    private mutating func compare(_ count: Int, in snapshot: borrowing Snapshot) {
        for slot in 0..<count { found[slot].removeAll(limit: candidates[slot].limit) }
        let began = stopwatch?()
        snapshot.rankApproximately(queries, count, reach: choice.reach, using: &probe, into: &found)
        let between = stopwatch?()
        snapshot.items.topK(queries, count: count, into: &candidates)
        let ended = stopwatch?()
        var (common, wanted) = (0, 0)
        for slot in 0..<count {
            // The last score of the exact list tells which of the others belong there.
            let exact = candidates[slot]
            guard exact.count > 0 else { continue }
            let last = exact.score(at: exact.count - 1)
            wanted += exact.count
            common += (0..<found[slot].count).count { found[slot].score(at: $0) >= last }
        }
        var times: (exact: UInt64, approximate: UInt64)?
        if let began, let between, let ended { times = (ended &- between, between &- began) }
        choice.compare(found: common, wanted: wanted, count: count, times: times)
    }

    /// The scores of some items for the session in `slot`, as it was encoded last.
    ///
    /// - Parameter scores: as many as `items`.
    public func scores(
        of items: Span<ItemIndex>, _ slot: Int, in snapshot: borrowing Snapshot, into scores: inout MutableSpan<Float>
    ) {
        snapshot.items.scores(of: items, queries, slot, into: &scores)
    }
}
