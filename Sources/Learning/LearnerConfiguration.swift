public import SequenceModels

/// How the learner learns: what must be fixed before the first event.
public struct LearnerConfiguration: Sendable, Equatable {
    public var encoder = EncoderKind.gru
    /// What a convolution is made of; other encoders do not read it.
    public var convolution = ConvolutionConfiguration()
    /// Width of item and hidden vectors, D.
    public var dimensions = 64
    /// The most item rows that will ever be in use.
    public var itemsMax = 1_000_000
    /// Events of a session that are read, and back-propagated through.
    public var window = 20
    /// What a step makes smaller.
    public var loss = Loss.sampledSoftmax
    /// What cosines are divided by where vectors are compared by their directions; nil for plain products.
    public var temperature: Float?
    /// Negatives a step, shared by all its positions.
    public var negatives = 256
    /// The share of negatives drawn uniformly; the rest come from recent events.
    public var uniformShare: Float = 1
    /// Recent events that negatives are drawn from.
    public var recentEvents = 16_384
    /// 1 subtracts the logarithm of how often a negative is drawn from its score, 0 does not.
    public var logQCorrection: Float = 1
    /// Replayed windows for each new event.
    public var replayRatio = 4
    /// How much it counts that old windows keep their scores, beside the loss; 0 for not at all.
    public var distillation: Float = 0
    /// How item vectors and biases are updated.
    public var rowOptimizer = RowOptimizer()
    /// Its rate.
    public var rate: Float = 0.1
    /// How the encoder's dense parameters are updated.
    public var optimizer = DenseOptimizer.Kind.adam
    /// Momentum of the encoder's gradient descent.
    public var momentum: Float = 0.9
    /// The optimizer's rate for the encoder.
    public var denseRate: Float = 0.001
    /// New item vectors are uniform in ±initialLimit.
    public var initialLimit: Float = 0.1
    /// The share of the encoder's inputs that is left out by chance in training, 0..<1.
    public var dropout: Float = 0.35
    /// Largest norm of the encoder's gradient.
    public var gradientNormMax: Float = 5
    public var seed: UInt64 = 1

    public init() {}
}
