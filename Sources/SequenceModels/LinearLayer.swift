internal import Tensors

// P = positions, I = width of what is read, O = width of what is made

/// y = x Wᵀ for many rows at once, with PyTorch's layout of W.
public struct LinearLayer: ~Copyable {
    /// W, [O x I]
    public internal(set) var weights: Parameter
    /// Wᵀ, [I x O], for products of many rows.
    private var transposed: Matrix

    /// From this many rows on W is transposed first: the product of a row with a row ends in a sum across
    /// lanes, that with a column does not.
    private static let transposingRows = 5

    init(_ name: String, inputs: Int, outputs: Int, limit: Float, using generator: inout SeededGenerator) {
        weights = Parameter(name, rows: outputs, columns: inputs, limit: limit, using: &generator)
        weights.isGradientWritten = true
        transposed = Matrix(rows: inputs, columns: outputs)
    }

    /// y = x Wᵀ, or y += where accumulating, for the first `rows` rows.
    mutating func forward(_ x: borrowing Matrix, rows: Int, into y: inout Matrix, accumulating: Bool) {
        if rows >= Self.transposingRows {
            transpose(weights.value, rows: weights.rows, into: &transposed)
            multiplyNN(
                x, rows: 0..<rows, transposed, rows: weights.columns, into: &y, accumulating: accumulating, precision: .rounded)
        } else {
            multiplyNT(x, rows: 0..<rows, weights.value, rows: weights.rows, into: &y, accumulating: accumulating)
        }
    }

    /// Adds dL/dW to its gradient; dL/dx is written, or added to where accumulating.
    mutating func backward(
        _ yGradient: borrowing Matrix, _ x: borrowing Matrix, rows: Int, into xGradient: inout Matrix, accumulating: Bool
    ) {
        weights.addToGradient(yGradient, x, rows: rows)
        multiplyNN(
            yGradient, rows: 0..<rows, weights.value, rows: weights.rows, into: &xGradient, accumulating: accumulating,
            precision: .rounded)
    }
}
