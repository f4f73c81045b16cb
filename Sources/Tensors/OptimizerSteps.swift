internal import CKernels
internal import Glibc

/// The constants of Adam (Kingma and Ba 2015, algorithm 1).
public struct AdamConstants: Sendable {
    public var beta1: Float
    public var beta2: Float
    public var epsilon: Float

    public init(beta1: Float, beta2: Float, epsilon: Float) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
    }
}

/// One step of Adam on one tensor and its two moments; `step` counts from 1. What it sees of the gradient is
/// multiplied by `gradientScale`.
public func adamUpdate(
    parameters: inout Matrix, first: inout Matrix, second: inout Matrix, gradient: borrowing Matrix,
    gradientScale: Float, rate: Float, constants: AdamConstants, step: Int
) {
    precondition(step >= 1, "steps count from one")
    precondition(
        parameters.columns == gradient.columns && parameters.rows == gradient.rows
            && first.columns == gradient.columns && second.columns == gradient.columns && first.rows == gradient.rows
            && second.rows == gradient.rows, "tensors of one shape")
    let firstCorrection = 1 - powf(constants.beta1, Float(step))
    let secondCorrection = 1 - powf(constants.beta2, Float(step))
    // The padding is zero, and stays so: its gradient is.
    unsafe kn_adam_f32(
        parameters.pointer(0), first.pointer(0), second.pointer(0), gradient.pointer(0), gradientScale,
        rate / firstCorrection, constants.beta1, constants.beta2, 1 / secondCorrection.squareRoot(), constants.epsilon,
        parameters.rows * parameters.stride)
}

/// One step of Adagrad on one tensor, element by element: accumulator += g²; w -= rate · g / (√accumulator + epsilon),
/// with g the gradient times `gradientScale`.
public func adagradUpdate(
    parameters: inout Matrix, accumulators: inout Matrix, gradient: borrowing Matrix, gradientScale: Float, rate: Float,
    epsilon: Float
) {
    precondition(
        parameters.columns == gradient.columns && parameters.rows == gradient.rows
            && accumulators.columns == gradient.columns && accumulators.rows == gradient.rows, "tensors of one shape")
    for row in 0..<parameters.rows {
        parameters.withMutableRow(row) { values in
            accumulators.withMutableRow(row) { sums in
                gradient.withRow(row) { slope in
                    for column in 0..<values.count {
                        let scaled = slope[column] * gradientScale
                        sums[column] += scaled * scaled
                        values[column] -= rate * scaled / (sums[column].squareRoot() + epsilon)
                    }
                }
            }
        }
    }
}
