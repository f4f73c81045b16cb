internal import CKernels

/// What is done to each value between two linear layers.
public enum Activation: String, Sendable, CaseIterable {
    case identity
    case sigmoid
    case tanh
    case relu
    /// x · Φ(x) by its tangent approximation (Hendrycks and Gimpel 2016).
    case gelu
    /// x · σ(x) (Elfwing, Uchibe and Doya 2018)
    case silu

    private var kernelValue: kn_activation {
        switch self {
        case .identity: KN_IDENTITY
        case .sigmoid: KN_SIGMOID
        case .tanh: KN_TANH
        case .relu: KN_RELU
        case .gelu: KN_GELU
        case .silu: KN_SILU
        }
    }

    /// y += bias, then z = f(y), for some rows.
    ///
    /// - Parameters:
    ///   - bias: [1 x n]
    ///   - y: [rows x n]; what ``backward(_:gradient:biasGradient:rows:)`` needs.
    ///   - z: [rows x n]
    public func forward(bias: borrowing Matrix, _ y: inout Matrix, into z: inout Matrix, rows: Range<Int>) {
        precondition(
            bias.columns == y.columns && z.columns == y.columns && rows.upperBound <= min(y.rows, z.rows), "rows of one width")
        guard !rows.isEmpty else { return }
        unsafe kn_activate_f32(
            kernelValue, bias.pointer(0), y.pointer(rows.lowerBound), y.stride, z.pointer(rows.lowerBound), z.stride,
            rows.count, y.columns)
    }

    /// From dL/dz to dL/dy, in place; the bias's gradient is added to.
    public func backward(
        _ y: borrowing Matrix, gradient: inout Matrix, biasGradient: inout Matrix, rows: Range<Int>
    ) {
        precondition(
            biasGradient.columns == y.columns && gradient.columns == y.columns
                && rows.upperBound <= min(y.rows, gradient.rows), "rows of one width")
        guard !rows.isEmpty else { return }
        unsafe kn_activate_backward_f32(
            kernelValue, y.pointer(rows.lowerBound), y.stride, gradient.pointer(rows.lowerBound), gradient.stride,
            biasGradient.pointer(0), rows.count, y.columns)
    }
}
