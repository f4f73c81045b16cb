internal import Tensors

/// How dense parameters move against their gradients. One a model: all its tensors step together.
public struct DenseOptimizer: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Kingma and Ba 2015, with the paper's defaults.
        case adam
        /// Stochastic gradient descent with momentum (Sutskever et al. 2013).
        case sgd
        /// Duchi, Hazan and Singer 2011, element by element.
        case adagrad
    }

    public let kind: Kind
    public var rate: Float
    /// Of gradient descent, in 0..<1.
    public var momentum: Float = 0.9
    /// Steps taken.
    public var step = 0

    static let adam = AdamConstants(beta1: 0.9, beta2: 0.999, epsilon: 1e-8)
    private static let adagradEpsilon: Float = 1e-8

    public init(_ kind: Kind, rate: Float) {
        self.kind = kind
        self.rate = rate
    }

    /// Counts a step; the updates of all tensors follow.
    public mutating func beginStep() { step += 1 }

    /// - Parameter gradientScale: what the gradient is multiplied by.
    public func update(_ parameter: inout Parameter, gradientScale: Float) {
        let rate = rate * parameter.rateScale
        switch kind {
        case .adam:
            adamUpdate(
                parameters: &parameter.value, first: &parameter.firstMoment, second: &parameter.secondMoment,
                gradient: parameter.gradient, gradientScale: gradientScale, rate: rate, constants: Self.adam, step: step)
        case .sgd:
            for row in 0..<parameter.rows {
                parameter.firstMoment.scaleRow(row, by: momentum)
                parameter.firstMoment.addRow(row, from: parameter.gradient, row: row, scale: gradientScale)
                parameter.value.addRow(row, from: parameter.firstMoment, row: row, scale: -rate)
            }
        case .adagrad:
            adagradUpdate(
                parameters: &parameter.value, accumulators: &parameter.secondMoment, gradient: parameter.gradient,
                gradientScale: gradientScale, rate: rate, epsilon: Self.adagradEpsilon)
        }
    }
}
