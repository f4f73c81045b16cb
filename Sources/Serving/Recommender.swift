public import SequenceModels
public import Tensors

// V = item count, D = hidden width

/// From a session's newest items to the items that fit best next, over a `Snapshot` only.
///
/// Owns the workspace of one thread; nothing is allocated a list.
public struct Recommender: ~Copyable {
    private var input: QuantizedVector
    private var state: QuantizedVector
    /// The item vector as it was before quantization, as near as int8 tells, [1 x D].
    private var vector: Matrix
    /// [1 x 3D] each.
    private var inputGates: Matrix
    private var hiddenGates: Matrix
    private var gates: Matrix
    /// h before and after a step, [1 x D] each.
    private var hidden: Matrix
    private var next: Matrix
    /// The best candidates of the last ranking, in falling score order.
    public private(set) var candidates: TopK

    /// - Parameter candidatesMax: list length plus the most items that rules can take out of it.
    public init(dimensions: Int, candidatesMax: Int) {
        input = QuantizedVector(columns: dimensions)
        state = QuantizedVector(columns: dimensions)
        vector = Matrix(rows: 1, columns: dimensions)
        inputGates = Matrix(rows: 1, columns: 3 * dimensions)
        hiddenGates = Matrix(rows: 1, columns: 3 * dimensions)
        gates = Matrix(rows: 1, columns: 3 * dimensions)
        hidden = Matrix(rows: 1, columns: dimensions)
        next = Matrix(rows: 1, columns: dimensions)
        candidates = TopK(capacity: candidatesMax)
    }

    /// Encodes `window`, oldest item first, and ranks every item of the snapshot after it; the result
    /// is in ``candidates``.
    ///
    /// - Parameter limit: candidates wanted.
    /// - Throws: `TensorError.notFinite` where the encoder produced no usable state.
    public mutating func rank(
        after window: Span<ItemIndex>, in snapshot: borrowing Snapshot, limit: Int
    ) throws(TensorError) {
        try encode(window, in: snapshot)
        candidates.removeAll(limit: limit)
        snapshot.items.topK(state, into: &candidates)
    }

    /// Encodes `window`, oldest item first, into the query that items are scored with.
    ///
    /// - Throws: `TensorError.notFinite` where the encoder produced no usable state.
    public mutating func encode(_ window: Span<ItemIndex>, in snapshot: borrowing Snapshot) throws(TensorError) {
        hidden.fill(0, rows: 0..<1)
        for position in 0..<window.count {
            try step(window[position], snapshot)
        }
        try state.quantize(hidden, row: 0)
    }

    private mutating func step(_ item: ItemIndex, _ snapshot: borrowing Snapshot) throws(TensorError) {
        vector.withMutableRow(0) { snapshot.items.dequantizeRow(Int(item), into: &$0) }
        try input.quantize(vector, row: 0)
        try state.quantize(hidden, row: 0)
        inputGates.withMutableRow(0) { snapshot.inputGates.scores(input, into: &$0) }
        hiddenGates.withMutableRow(0) { snapshot.hiddenGates.scores(state, into: &$0) }
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
