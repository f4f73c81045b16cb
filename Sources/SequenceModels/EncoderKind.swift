/// The kinds of encoder that there are.
public enum EncoderKind: String, Sendable, CaseIterable {
    case gru
    case attention
    case convolution

    /// A new encoder of this kind, its values drawn by chance.
    public func makeEncoder(
        positionsMax: Int, dimensions: Int, using generator: inout SeededGenerator
    ) -> any SequenceEncoder {
        switch self {
        case .gru: GRUEncoder(positionsMax: positionsMax, dimensions: dimensions, using: &generator)
        case .attention:
            AttentionEncoder(AttentionConfiguration(), positionsMax: positionsMax, dimensions: dimensions, using: &generator)
        case .convolution:
            ConvolutionEncoder(ConvolutionConfiguration(), positionsMax: positionsMax, dimensions: dimensions, using: &generator)
        }
    }
}
