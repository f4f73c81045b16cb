/// The shape of a `ConvolutionEncoder`.
public struct ConvolutionConfiguration: Sendable, Equatable {
    public var network = Network.textbook
    /// Events that the textbook network reads; shorter sessions are padded with zeros in front. Even, at least 4.
    public var length = 10
    /// Filters of the textbook network.
    public var filters = 64
    /// The dilations of each residual block's two convolutions.
    public var dilations = [1, 4]

    public init() {}

    public enum Network: String, Sendable, CaseIterable {
        /// Conv1D of three, ReLU, max-pool of two, flatten, dense, ReLU.
        case textbook
        /// Causal dilated residual blocks, in the line of NextItNet (Yuan et al. 2019).
        case dilated
    }
}
