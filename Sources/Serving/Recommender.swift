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

    /// - Parameter candidatesMax: list length plus the most items that rules can take out of it.
    public init(dimensions: Int, candidatesMax: Int) {
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
        try queries.quantize(hidden, row: 0, into: slot)
        candidates[slot].removeAll(limit: limit)
    }

    /// Ranks every item of the snapshot for the sessions in the first `count` slots, into ``candidates``.
    public mutating func rank(_ count: Int, in snapshot: borrowing Snapshot) {
        snapshot.items.topK(queries, count: count, into: &candidates)
    }

    /// The score of one item for the session in `slot`, as it was encoded last.
    public func score(_ item: ItemIndex, _ slot: Int, in snapshot: borrowing Snapshot) -> Float {
        snapshot.items.score(Int(item), queries, slot)
    }
}
