public import SequenceModels
public import Tensors

// V = item count, D = hidden width

/// From the newest items of a few sessions to the items that fit best next, over a `Snapshot` only.
///
/// Owns the workspace of one thread; nothing is allocated a list. Sessions are encoded one by one, and
/// ranked together: the item table is read once for all of them.
public struct Recommender: ~Copyable {
    private var input: QuantizedQueries
    private var state: QuantizedQueries
    /// The encoded sessions, one a slot.
    private var queries: QuantizedQueries
    /// [1 x 3D] each.
    private var inputGates: Matrix
    private var hiddenGates: Matrix
    private var gates: Matrix
    /// h before and after a step, [1 x D] each.
    private var hidden: Matrix
    private var next: Matrix
    /// The best candidates of the last ranking, a list a slot, in falling score order.
    public private(set) var candidates: [TopK]

    /// Sessions that are ranked together at most.
    public static let sessionsMax = QuantizedQueries.scanMax

    /// - Parameter candidatesMax: list length plus the most items that rules can take out of it.
    public init(dimensions: Int, candidatesMax: Int) {
        input = QuantizedQueries(capacity: 1, columns: dimensions)
        state = QuantizedQueries(capacity: 1, columns: dimensions)
        queries = QuantizedQueries(capacity: Self.sessionsMax, columns: dimensions)
        inputGates = Matrix(rows: 1, columns: 3 * dimensions)
        hiddenGates = Matrix(rows: 1, columns: 3 * dimensions)
        gates = Matrix(rows: 1, columns: 3 * dimensions)
        hidden = Matrix(rows: 1, columns: dimensions)
        next = Matrix(rows: 1, columns: dimensions)
        candidates = (0..<Self.sessionsMax).map { _ in TopK(capacity: candidatesMax) }
    }

    /// Encodes `window`, oldest item first, and ranks every item of the snapshot after it; the result
    /// is the first of ``candidates``.
    ///
    /// - Parameter limit: candidates wanted.
    /// - Throws: `TensorError.notFinite` where the encoder produced no usable state.
    public mutating func rank(
        after window: Span<ItemIndex>, in snapshot: borrowing Snapshot, limit: Int
    ) throws(TensorError) {
        try encode(window, in: snapshot, limit: limit, into: 0)
        rank(1, in: snapshot)
    }

    /// Encodes `window`, oldest item first, into the query of `slot`.
    ///
    /// - Parameter limit: candidates wanted.
    /// - Throws: `TensorError.notFinite` where the encoder produced no usable state.
    public mutating func encode(
        _ window: Span<ItemIndex>, in snapshot: borrowing Snapshot, limit: Int, into slot: Int
    ) throws(TensorError) {
        hidden.fill(0, rows: 0..<1)
        for position in 0..<window.count {
            try step(window[position], snapshot)
        }
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

    private mutating func step(_ item: ItemIndex, _ snapshot: borrowing Snapshot) throws(TensorError) {
        input.copy(Int(item), of: snapshot.items, into: 0)
        try state.quantize(hidden, row: 0, into: 0)
        inputGates.withMutableRow(0) { snapshot.inputGates.scores(input, 0, into: &$0) }
        hiddenGates.withMutableRow(0) { snapshot.hiddenGates.scores(state, 0, into: &$0) }
        Self.activate(inputGates, hiddenGates, previous: hidden, gates: &gates, next: &next)
        hidden.copyRow(0, from: next, row: 0)
    }

    private static func activate(
        _ inputGates: borrowing Matrix, _ hiddenGates: borrowing Matrix, previous: borrowing Matrix,
        gates: inout Matrix, next: inout Matrix
    ) {
        inputGates.withRow(0) { inputGates in
            hiddenGates.withRow(0) { hiddenGates in
                previous.withRow(0) { previous in
                    gates.withMutableRow(0) { gates in
                        next.withMutableRow(0) { next in
                            gruGates(
                                inputGates: inputGates, hiddenGates: hiddenGates, previous: previous,
                                gates: &gates, next: &next)
                        }
                    }
                }
            }
        }
    }
}
