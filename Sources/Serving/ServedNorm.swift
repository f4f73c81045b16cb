internal import SequenceModels
internal import Tensors

/// A layer norm as it is served, a row at a time.
struct ServedNorm: ~Copyable {
    /// [1 x D] each.
    private var gain: Matrix
    private var bias: Matrix
    private var normalized: Matrix
    /// [1 x 1]
    private var inverseDeviation: Matrix
    private var row: Matrix

    init(dimensions: Int) {
        gain = Matrix(rows: 1, columns: dimensions)
        bias = Matrix(rows: 1, columns: dimensions)
        normalized = Matrix(rows: 1, columns: dimensions)
        row = Matrix(rows: 1, columns: dimensions)
        inverseDeviation = Matrix(rows: 1, columns: 1)
    }

    mutating func refresh(from layer: borrowing NormLayer) {
        gain.copy(layer.gain.value)
        bias.copy(layer.bias.value)
    }

    /// Row `row` of x, normalized, into row 0 of `result`.
    mutating func apply(_ x: borrowing Matrix, row index: Int, into result: inout Matrix) {
        row.copyRow(0, from: x, row: index)
        layerNorm(
            row, gain: gain, bias: bias, rows: 0..<1, normalized: &normalized, inverseDeviations: &inverseDeviation,
            into: &result)
    }
}
