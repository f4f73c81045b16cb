/// How item rows move against their gradients: each only in the steps that touch it.
public struct RowOptimizer: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Row-wise Adagrad (Duchi, Hazan and Singer 2011; one accumulator a row as in DLRM).
        case adagrad
        /// Kingma and Ba 2015, lazily: moments and step count of a row stand still while it is not touched.
        case adam
        /// Gradient descent with momentum (Sutskever et al. 2013), lazily too.
        case sgd
    }

    public var kind = Kind.adagrad
    /// Updates of a row after which what Adagrad summed up counts half, so that a row can follow drift; 0 for never.
    public var halfLife: Float = 0
    /// Of gradient descent, in 0..<1.
    public var momentum: Float = 0.9

    public init() {}
}
