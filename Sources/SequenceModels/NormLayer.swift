internal import Tensors

// P = positions, D = width

/// Layer norm over rows, with what the way back needs of the last forward pass.
public struct NormLayer: ~Copyable {
    /// [1 x D] each.
    public internal(set) var gain: Parameter
    public internal(set) var bias: Parameter
    /// [P x D]
    private var normalized: Matrix
    /// [1 x P]
    private var inverseDeviations: Matrix

    init(_ name: String, positionsMax: Int, dimensions: Int) {
        gain = Parameter(name + ".weight", rows: 1, columns: dimensions, initial: 1)
        bias = Parameter(name + ".bias", rows: 1, columns: dimensions)
        normalized = Matrix(rows: positionsMax, columns: dimensions)
        inverseDeviations = Matrix(rows: 1, columns: positionsMax)
    }

    mutating func forward(_ x: borrowing Matrix, rows: Int, into y: inout Matrix) {
        layerNorm(
            x, gain: gain.value, bias: bias.value, rows: 0..<rows, normalized: &normalized,
            inverseDeviations: &inverseDeviations, into: &y)
    }

    /// Adds dL/dx to `xGradient`, and to the gradients of gain and bias.
    mutating func backward(_ yGradient: borrowing Matrix, rows: Int, addingTo xGradient: inout Matrix) {
        layerNormBackward(
            yGradient, gain: gain.value, normalized: normalized, inverseDeviations: inverseDeviations, rows: 0..<rows,
            addingTo: &xGradient, gainGradient: &gain.gradient, biasGradient: &bias.gradient)
    }

    mutating func forEachParameter(_ body: (inout Parameter) -> Void) {
        body(&gain)
        body(&bias)
    }
}
