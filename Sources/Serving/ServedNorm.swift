internal import SequenceModels
internal import Tensors

// L = rows at most, D = width

/// A layer norm as it is served.
struct ServedNorm: ~Copyable {
    /// [1 x D] each.
    private var gain: Matrix
    private var bias: Matrix
    /// What only a way back would need, [L x D] and [1 x L].
    private var normalized: Matrix
    private var inverseDeviations: Matrix

    init(rowsMax: Int, dimensions: Int) {
        gain = Matrix(rows: 1, columns: dimensions)
        bias = Matrix(rows: 1, columns: dimensions)
        normalized = Matrix(rows: rowsMax, columns: dimensions)
        inverseDeviations = Matrix(rows: 1, columns: rowsMax)
    }

    /// Takes over the newest gain and bias. They are checked here: a ReLU behind the norm makes a zero of what is not
    /// a number, and the products after it would not tell.
    ///
    /// - Throws: `TensorError.notFinite`; what is served is then as it was.
    mutating func refresh(from layer: borrowing NormLayer) throws(TensorError) {
        let square = layer.gain.value.squaredNorm + layer.bias.value.squaredNorm
        guard square.isFinite else { throw .notFinite(row: 0) }
        gain.copy(layer.gain.value)
        bias.copy(layer.bias.value)
    }

    /// Some rows of x, normalized, into the same rows of `result`.
    mutating func apply(_ x: borrowing Matrix, rows: Range<Int>, into result: inout Matrix) {
        layerNorm(
            x, gain: gain, bias: bias, rows: rows, normalized: &normalized, inverseDeviations: &inverseDeviations,
            into: &result)
    }
}
