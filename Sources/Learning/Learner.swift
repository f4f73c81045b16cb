public import SequenceModels
internal import Tensors

// V = item count, D = hidden width

/// Learns one model from windows of sessions, a micro-batch at a time: the windows that end in new
/// events, and older ones beside them so that what was learned is not lost (replay).
///
/// A step is deterministic: the same windows in the same order from the same state give the same
/// parameters, bit for bit, on one instruction set.
public struct Learner: ~Copyable {
    public internal(set) var table: EmbeddingTable
    /// The encoder that learns.
    public let encoder: any SequenceEncoder
    public internal(set) var optimizer: DenseOptimizer
    public internal(set) var sampler: NegativeSampler
    public internal(set) var generator: SeededGenerator
    /// Steps taken: the version of the model.
    public internal(set) var version: UInt64 = 0
    public var configuration: LearnerConfiguration
    /// False where the last step found a gradient that is not finite.
    public private(set) var isFinite = true

    /// What the coming step learns.
    private var staged = WindowList()
    /// The parts of a step's work; the first one has the encoder that learns.
    let shares: [GradientShare]
    private var negatives: NegativeSample
    private var lossIsFinite = true
    var good: RollbackPoint

    /// The most windows in one step.
    public static let windowsMax = 64
    /// Parts that the work of a step is divided into at most. How it is divided depends on what is learned alone, and so
    /// do the parameters: not on how many threads there are.
    public static let sharesMax = 2
    /// With fewer windows a step is not divided: what the shares do both, each for itself, would cost more.
    private static let sharedWindowsMin = 16

    public init(_ configuration: LearnerConfiguration) {
        self.configuration = configuration
        let dimensions = configuration.dimensions
        generator = SeededGenerator(seed: configuration.seed)
        table = EmbeddingTable(capacity: configuration.itemsMax, dimensions: dimensions)
        table.prepare(for: configuration.rowOptimizer)
        shares = Self.shares(configuration, using: &generator)
        encoder = shares[0].encoder
        optimizer = DenseOptimizer(configuration.optimizer, rate: configuration.denseRate)
        optimizer.momentum = configuration.momentum
        sampler = NegativeSampler(
            capacity: configuration.recentEvents, uniformShare: configuration.uniformShare)
        negatives = NegativeSample(count: configuration.negatives)
        good = RollbackPoint(itemsMax: configuration.itemsMax, dimensions: dimensions)
        good.mark(encoder, optimizer)
    }

    private static func shares(
        _ configuration: LearnerConfiguration, using generator: inout SeededGenerator
    ) -> [GradientShare] {
        // Old windows are held beside all new ones, and every item has a gradient in a full softmax.
        let count = configuration.distillation > 0 || configuration.loss == .fullSoftmax ? 1 : sharesMax
        // A window goes to the share that has least: none has more than half of them and one.
        let positionsMax = (count > 1 ? windowsMax / count + 1 : windowsMax) * configuration.window
        var shares = [GradientShare(makeEncoder(configuration, using: &generator), configuration, positionsMax: positionsMax)]
        while shares.count < count {
            // Its values will be those of the first.
            var chance = SeededGenerator(seed: configuration.seed)
            shares.append(GradientShare(makeEncoder(configuration, using: &chance), configuration, positionsMax: positionsMax))
        }
        return shares
    }

    private static func makeEncoder(
        _ configuration: LearnerConfiguration, using generator: inout SeededGenerator
    ) -> any SequenceEncoder {
        configuration.encoder.makeEncoder(
            convolution: configuration.convolution, positionsMax: GradientShare.workspacePositions(configuration),
            dimensions: configuration.dimensions, using: &generator)
    }

    /// Takes a row into use for an item that came for the first time, near the newest items of the session in
    /// which it came: before anything is learned of it, it is like what it appears with.
    public mutating func addItem(_ item: ItemIndex, after session: [ItemIndex]) {
        if Int(item) < table.count { shares[0].distiller?.memory.remove(item) }
        table.initializeRow(item, limit: configuration.initialLimit, bias: 0, using: &generator)
        let companions = session.suffix(Self.companionsMax)
        for companion in companions where companion != item {
            table.add(companion, to: item, scale: 1 / Float(companions.count))
        }
        if configuration.temperature != nil { table.vectors.normalizeRow(Int(item)) }
        good.replace(item, of: table)
    }

    /// Items of a session that a new one begins near.
    public static let companionsMax = 3

    /// Adds a window to the coming step: the newest items of a session, the last of them its target.
    ///
    /// - Returns: false where the step is full, or the window too short to learn from.
    @discardableResult
    public mutating func stage(_ sequence: Span<SessionEvent>, weight: Float) -> Bool {
        guard staged.count < Self.windowsMax, sequence.count > 1 else { return false }
        let length = min(sequence.count, configuration.window + 1)
        let newest = sequence.extracting(last: length)
        staged.append(newest, weight: weight)
        if let distiller = shares[0].distiller { distiller.stagedEvents.append((0..<length).map { newest[$0] }) }
        return true
    }

    /// Remembers the item of a new event for later negatives.
    public mutating func observe(_ item: ItemIndex) {
        sampler.observe(item)
    }

    /// A number from the learner's own source of chance, for choosing what to replay.
    public mutating func random(below bound: Int) -> Int {
        generator.next(below: bound)
    }

    /// Takes one step on what was staged.
    ///
    /// - Returns: the mean loss of a position, in nats where it is a logarithm; nil where nothing was staged.
    @discardableResult
    public mutating func step() -> Float? {
        guard beginStep() else { return nil }
        for share in shares.indices { computeGradients(share: share) }
        let mean = combineGradients()
        applyGradients()
        return mean
    }

    /// Begins a step on what was staged: divides it into shares.
    ///
    /// - Returns: whether there is anything to learn.
    public mutating func beginStep() -> Bool {
        for share in shares { share.removeAll() }
        guard !staged.isEmpty else { return false }
        let isShared = staged.count >= Self.sharedWindowsMin
        for window in 0..<staged.count {
            var share = shares[0]
            if isShared { for other in shares where other.positionCount < share.positionCount { share = other } }
            share.append(staged.events.span.extracting(staged.range(window)), weight: staged.weight(window))
        }
        staged.removeAll()
        if configuration.distillation > 0 { shares[0].appendOldWindows() }
        for share in shares.dropFirst() where share.hasWindows {
            share.encoder.copyValues(of: encoder)
            // A chance of its own, of the one that a checkpoint keeps.
            share.dropout.generator = SeededGenerator(seed: shares[0].dropout.generator.next())
        }
        sampler.draw(
            into: &negatives, itemCount: table.count, correction: configuration.logQCorrection, using: &generator)
        for item in negatives.items { table.prefetch(item) }
        return true
    }

    /// The gradient of one share of the step, 0..<``sharesMax``: changes no parameter. Shares may be computed side by
    /// side.
    public func computeGradients(share: Int) {
        guard share < shares.count, shares[share].hasWindows else { return }
        shares[share].computeGradients(table, negatives, distillation: configuration.distillation)
    }

    /// Adds the gradients of all shares up: `touchedItems` then says which rows will change.
    ///
    /// - Returns: the mean loss of a position, in nats where it is a logarithm.
    public mutating func combineGradients() -> Float {
        for share in shares.dropFirst() where share.hasWindows { shares[0].add(share) }
        let mean = shares[0].lossSum / Float(shares[0].positionCount)
        lossIsFinite = mean.isFinite
        return mean
    }

    /// The other half of a step. A gradient that is not finite is not applied: see ``isFinite``.
    public mutating func applyGradients() {
        let scale = encoder.gradientScale(forNorm: configuration.gradientNormMax)
        isFinite = scale != nil && lossIsFinite
        guard let scale, isFinite else { return }
        for item in touchedItems { good.save(item, of: table) }
        // Vectors are served and read as they are compared: by their directions.
        table.apply(
            shares[0].rows, configuration.rowOptimizer, rate: configuration.rate, epsilon: 1e-6,
            normalizing: configuration.temperature != nil)
        optimizer.rate = configuration.denseRate
        encoder.update(&optimizer, gradientScale: scale)
        version += 1
    }

    /// The parameters have proved good: ``rollBack()`` goes back to here.
    public mutating func markGood() {
        good.mark(encoder, optimizer)
    }

    /// The item rows that ``rollBack()`` will change.
    public var changedSinceGood: [ItemIndex] { good.items }

    /// Goes back to where the parameters last proved good, or to where this process began.
    ///
    /// - Returns: the item rows that changed.
    public mutating func rollBack() -> [ItemIndex] {
        isFinite = true
        return good.restore(&table, encoder, &optimizer)
    }

    /// The rows that the last step changes, each once.
    public var touchedItems: [ItemIndex] { shares[0].rows.items }
}
