internal import SequenceModels
internal import Tensors

// I = width of what is read, O = width of what is made

/// A linear layer as it is served: int8 weights, float in and out. What is read is quantized row by row.
struct QuantizedLayer: ~Copyable {
    /// W, with the biases as the rows' biases, [O x I].
    private var weights: QuantizedTable
    private var queries: QuantizedQueries

    /// - Parameter outputs: a multiple of 16.
    init(inputs: Int, outputs: Int) {
        weights = QuantizedTable(capacity: outputs, columns: inputs)
        queries = QuantizedQueries(capacity: 1, columns: inputs)
    }

    /// Takes over weights [O x I] and biases [1 x O].
    ///
    /// - Throws: `TensorError.notFinite`; the weights may then be half old, half new.
    mutating func refresh(_ source: borrowing Matrix, biases: borrowing Matrix) throws(TensorError) {
        for row in 0..<weights.capacity { try weights.setRow(row, from: source, sourceRow: row, bias: biases[0, row]) }
    }

    /// Takes over weights [O x I] that have no biases.
    mutating func refresh(_ source: borrowing Matrix) throws(TensorError) {
        for row in 0..<weights.capacity { try weights.setRow(row, from: source, sourceRow: row, bias: 0) }
    }

    /// y[row] = W x[row] + b
    mutating func apply(_ x: borrowing Matrix, row: Int, into y: inout Matrix) throws(TensorError) {
        try queries.quantize(x, row: row, into: 0)
        apply(queries, into: &y, row: row)
    }

    /// y[row] = W q + b of a row that is quantized already.
    func apply(_ query: borrowing QuantizedQueries, into y: inout Matrix, row: Int) {
        y.withMutableRow(row) { weights.scores(query, 0, into: &$0) }
    }
}
