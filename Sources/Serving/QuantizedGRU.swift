internal import SequenceModels
internal import Tensors

// D = hidden width

/// `GRU` in int8. Both products of a step are int8; gates and state are float.
///
/// Its parts are one value, which a call reaches for once: each property of a class is watched while it is changed.
final class QuantizedGRU: QuantizedEncoder {
    private var parts: QuantizedGRUParts

    /// - Parameter encoder: the float twin, of a width that is a multiple of 16.
    init(_ encoder: GRUEncoder) { parts = QuantizedGRUParts(encoder) }

    func refresh() throws(TensorError) { try parts.refresh() }

    func encode(
        _ window: Span<SessionEvent>, items: borrowing QuantizedTable, into hidden: inout Matrix
    ) throws(TensorError) {
        try parts.encode(window, items: items, into: &hidden)
    }
}

private struct QuantizedGRUParts: ~Copyable {
    private let encoder: GRUEncoder
    /// W_i with b_i as the rows' biases, [3D x D].
    private var inputWeights: QuantizedTable
    /// W_h with b_h as the rows' biases, [3D x D].
    private var hiddenWeights: QuantizedTable
    private var input: QuantizedQueries
    private var state: QuantizedQueries
    /// What is read at the positions of a chunk, [chunk x D].
    private var vectors: Matrix
    /// Their products with W_i, [chunk x 3D].
    private var inputGates: Matrix
    /// [1 x 3D] each.
    private var hiddenGates: Matrix
    private var gates: Matrix
    /// h after a step, [1 x D].
    private var next: Matrix
    private var features: ServedFeatures

    init(_ encoder: GRUEncoder) {
        let dimensions = encoder.dimensions
        self.encoder = encoder
        inputWeights = QuantizedTable(capacity: 3 * dimensions, columns: dimensions)
        hiddenWeights = QuantizedTable(capacity: 3 * dimensions, columns: dimensions)
        input = QuantizedQueries(capacity: Self.chunk, columns: dimensions)
        state = QuantizedQueries(capacity: 1, columns: dimensions)
        vectors = Matrix(rows: Self.chunk, columns: dimensions)
        inputGates = Matrix(rows: Self.chunk, columns: 3 * dimensions)
        hiddenGates = Matrix(rows: 1, columns: 3 * dimensions)
        gates = Matrix(rows: 1, columns: 3 * dimensions)
        next = Matrix(rows: 1, columns: dimensions)
        features = ServedFeatures(dimensions: dimensions)
    }

    mutating func refresh() throws(TensorError) {
        try inputWeights.setRows(
            from: encoder.parameters.inputWeights.value, biases: encoder.parameters.inputBias.value)
        try hiddenWeights.setRows(
            from: encoder.parameters.hiddenWeights.value, biases: encoder.parameters.hiddenBias.value)
        features.refresh(from: encoder.parameters.features)
    }

    mutating func encode(
        _ window: Span<SessionEvent>, items: borrowing QuantizedTable, into hidden: inout Matrix
    ) throws(TensorError) {
        hidden.fill(0, rows: 0..<1)
        for first in stride(from: 0, to: window.count, by: Self.chunk) {
            let count = min(Self.chunk, window.count - first)
            // No step waits for these: together they are read, and multiplied, in a fraction of the time.
            for place in 0..<count { features.read(first + place, of: window, items: items, into: &vectors, row: place) }
            try input.quantize(vectors, rows: 0..<count)
            inputWeights.scores(input, count: count, into: &inputGates, from: 0)
            for place in 0..<count {
                try state.quantize(hidden, row: 0, into: 0)
                hiddenGates.withMutableRow(0) { hiddenWeights.scores(state, 0, into: &$0) }
                Self.activate(inputGates, row: place, hiddenGates, previous: hidden, gates: &gates, next: &next)
                hidden.copyRow(0, from: next, row: 0)
            }
        }
    }

    /// Positions whose inputs are multiplied together.
    private static let chunk = 16

    private static func activate(
        _ inputGates: borrowing Matrix, row: Int, _ hiddenGates: borrowing Matrix, previous: borrowing Matrix,
        gates: inout Matrix, next: inout Matrix
    ) {
        inputGates.withRow(row) { inputGates in
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
