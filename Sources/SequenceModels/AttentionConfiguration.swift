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
    /// How large what a block adds to the stream begins, and how fast it moves, beside other weights. A half is the same as
    /// inputs of twice the length: the newest event speaks for itself first, and what attention says of it grows on that.
    public var addedShare: Float = 0.5
    /// The share of the inputs' dropout that the results of attention and of the feed-forward layer have.
    public var blockDropoutShare: Float = 0.6

    public init() {}
}
