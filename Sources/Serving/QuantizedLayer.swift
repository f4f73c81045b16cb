internal import SequenceModels
internal import Tensors

// I = width of what is read, O = width of what is made

/// A linear layer as it is served: int8 weights, float in and out. What is read is quantized row by row.
struct QuantizedLayer: ~Copyable {
    /// W, with the biases as the rows' biases, [O x I].
    private var weights: QuantizedTable
    /// For rows that come as floats, one at a time.
    private var queries: QuantizedQueries
    /// [1 x O]
    private var noBiases: Matrix

    /// - Parameter outputs: a multiple of 16.
    init(inputs: Int, outputs: Int) {
        weights = QuantizedTable(capacity: outputs, columns: inputs)
        queries = QuantizedQueries(capacity: 1, columns: inputs)
        noBiases = Matrix(rows: 1, columns: outputs)
    }

    /// Takes over weights [O x I] and biases [1 x O].
    ///
    /// - Throws: `TensorError.notFinite`; the weights may then be half old, half new.
    mutating func refresh(_ source: borrowing Matrix, biases: borrowing Matrix) throws(TensorError) {
        try weights.setRows(from: source, biases: biases)
    }

    /// Takes over weights [O x I] that have no biases.
    mutating func refresh(_ source: borrowing Matrix) throws(TensorError) {
        try weights.setRows(from: source, biases: noBiases)
    }

    /// y[row] = W x[row] + b
    mutating func apply(_ x: borrowing Matrix, row: Int, into y: inout Matrix) throws(TensorError) {
        try queries.quantize(x, row: row, into: 0)
        apply(queries, slot: 0, into: &y, row: row)
    }

    /// y = W q + b for the first `count` of rows that are quantized already, into the rows from `first` on: each as if
    /// it were alone.
    func apply(_ rows: borrowing QuantizedQueries, count: Int, into y: inout Matrix, from first: Int) {
        weights.scores(rows, count: count, into: &y, from: first)
    }

    /// y[row] = W q + b of one row that is quantized already.
    func apply(_ rows: borrowing QuantizedQueries, slot: Int, into y: inout Matrix, row: Int) {
        y.withMutableRow(row) { weights.scores(rows, slot, into: &$0) }
    }
}
