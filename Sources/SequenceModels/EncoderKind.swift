/// The kinds of encoder that there are.
public enum EncoderKind: String, Sendable, CaseIterable {
    case gru
    case attention
    case convolution

    /// A new encoder of this kind, its values drawn by chance.
    ///
    /// - Parameter convolution: the shape of a convolution; other kinds do not read it.
    public func makeEncoder(
        convolution: ConvolutionConfiguration, positionsMax: Int, dimensions: Int, using generator: inout SeededGenerator
    ) -> any SequenceEncoder {
        switch self {
        case .gru: GRUEncoder(positionsMax: positionsMax, dimensions: dimensions, using: &generator)
        case .attention:
            AttentionEncoder(AttentionConfiguration(), positionsMax: positionsMax, dimensions: dimensions, using: &generator)
        case .convolution:
            ConvolutionEncoder(convolution, positionsMax: positionsMax, dimensions: dimensions, using: &generator)
        }
    }
}
