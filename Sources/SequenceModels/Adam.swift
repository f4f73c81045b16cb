internal import Tensors

/// Adam (Kingma and Ba 2015) for the dense tensors of an encoder.
public struct Adam: ~Copyable {
    /// Running mean of the gradient.
    public var firstMoment: GRUParameters
    /// Running mean of its square.
    public var secondMoment: GRUParameters
    /// Steps taken.
    public var step = 0

    /// The paper's defaults.
    private static let constants = AdamConstants(beta1: 0.9, beta2: 0.999, epsilon: 1e-8)

    public init(dimensions: Int) {
        firstMoment = GRUParameters(dimensions: dimensions)
        secondMoment = GRUParameters(dimensions: dimensions)
    }

    /// One step against `gradients`.
    public mutating func update(_ parameters: inout GRUParameters, gradients: borrowing GRUParameters, rate: Float) {
        step += 1
        for name in GRUParameters.Name.allCases {
            parameters.withMutableTensor(name) { values in
                firstMoment.withMutableTensor(name) { first in
                    secondMoment.withMutableTensor(name) { second in
                        gradients.withTensor(name) { gradient in
                            adamUpdate(
                                parameters: &values, first: &first, second: &second, gradient: gradient, rate: rate,
                                constants: Self.constants, step: step)
                        }
                    }
                }
            }
        }
    }
}
