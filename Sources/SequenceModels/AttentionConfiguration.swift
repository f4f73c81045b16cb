public import Tensors

/// The shape of an `AttentionEncoder`.
public struct AttentionConfiguration: Sendable, Equatable {
    /// Blocks on top of each other.
    public var blocks = 2
    /// Heads a block; each a multiple of 16 wide where there are several.
    public var heads = 1
    /// Width of the feed-forward layer, in widths of the state.
    public var expansion = 1
    public var activation = Activation.silu
    /// Distances told apart; everything farther counts as the last of them.
    public var distancesMax = 64
    /// What the sum of an event's vectors is multiplied by before the first block.
    public var inputScale: Float = 1

    public init() {}
}
