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
    public let encoder: any SequenceEncoder
    public internal(set) var optimizer: DenseOptimizer
    public internal(set) var sampler: NegativeSampler
    public internal(set) var generator: SeededGenerator
    /// Steps taken: the version of the model.
    public internal(set) var version: UInt64 = 0
    public var configuration: LearnerConfiguration
    /// False where the last step found a gradient that is not finite.
    public private(set) var isFinite = true

    var batch: SequenceBatch
    var dropout: Dropout
    var loss: NextItemLoss
    var negatives: NegativeSample
    var rows: RowGradients
    // Of distillation, empty without it: the memory, the staged windows, and those of them that are old.
    var memory: DistillationMemory
    var stagedEvents: [[SessionEvent]] = []
    var rehearsed: [(window: Int, scores: OldScores)] = []
    private var lossIsFinite = true
    var good: RollbackPoint

    /// The most windows in one step.
    public static let windowsMax = 64

    public init(_ configuration: LearnerConfiguration) {
        self.configuration = configuration
        let dimensions = configuration.dimensions
        let positionsMax = Self.windowsMax * configuration.window
        generator = SeededGenerator(seed: configuration.seed)
        table = EmbeddingTable(capacity: configuration.itemsMax, dimensions: dimensions)
        table.prepare(for: configuration.rowOptimizer)
        encoder = configuration.encoder.makeEncoder(
            convolution: configuration.convolution, positionsMax: positionsMax, dimensions: dimensions, using: &generator)
        optimizer = DenseOptimizer(configuration.optimizer, rate: configuration.denseRate)
        optimizer.momentum = configuration.momentum
        dropout = Dropout(rate: configuration.dropout, seed: configuration.seed &+ 1)
        sampler = NegativeSampler(
            capacity: configuration.recentEvents, uniformShare: configuration.uniformShare)
        batch = SequenceBatch(positionsMax: positionsMax)
        loss = NextItemLoss(
            configuration.loss, temperature: configuration.temperature, positionsMax: positionsMax,
            negativesMax: configuration.negatives, itemsMax: configuration.itemsMax, dimensions: dimensions)
        negatives = NegativeSample(count: configuration.negatives)
        memory = DistillationMemory(capacity: Self.memoryMax, seed: configuration.seed &+ 3)
        let oldRowsMax = configuration.distillation > 0 ? Self.oldWindowsMax * Self.oldItemsMax : 0
        let rowsMax = NextItemLoss.rowsMax(
            configuration.loss, positionsMax: positionsMax, negativesMax: configuration.negatives,
            itemsMax: configuration.itemsMax)
        rows = RowGradients(slotsMax: rowsMax + oldRowsMax, dimensions: dimensions)
        good = RollbackPoint(itemsMax: configuration.itemsMax, dimensions: dimensions)
        good.mark(encoder, optimizer)
    }

    /// Takes a row into use for an item that came for the first time, near the newest items of the session in
    /// which it came: before anything is learned of it, it is like what it appears with.
    public mutating func addItem(_ item: ItemIndex, after session: [ItemIndex]) {
        if Int(item) < table.count { memory.remove(item) }
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
        guard batch.windowCount < Self.windowsMax else { return false }
        let length = min(sequence.count, configuration.window + 1)
        let newest = sequence.extracting(last: length)
        guard batch.append(newest, weight: { _ in weight }) else { return false }
        if configuration.distillation > 0 { stagedEvents.append((0..<length).map { newest[$0] }) }
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
        guard let mean = computeGradients() else { return nil }
        applyGradients()
        return mean
    }

    /// The first half of a step: changes no parameter, but says by `touchedItem` which rows will change.
    ///
    /// - Returns: as `step`.
    public mutating func computeGradients() -> Float? {
        rows.removeAll()
        guard batch.positionCount > 0 else { return nil }
        stageOldWindows()
        sampler.draw(
            into: &negatives, itemCount: table.count, correction: configuration.logQCorrection, using: &generator)
        for item in negatives.items { table.prefetch(item) }
        encoder.clearGradients()
        let count = batch.positionCount
        var total: Float = 0
        // Old scores are told by their windows' places among all.
        for part in batch.parts(positionsMax: configuration.distillation > 0 ? count : Self.partPositionsMax) {
            total += computeGradients(of: part)
        }
        let mean = total / Float(count)
        lossIsFinite = mean.isFinite
        batch.removeAll()
        return mean
    }

    /// Positions that are computed together: what they leave for the way back stays in the caches.
    private static let partPositionsMax = 320

    /// Adds the gradient of some windows of the step.
    ///
    /// - Returns: the sum of their positions' losses.
    private mutating func computeGradients(of part: Range<Int>) -> Float {
        batch.arrange(part)
        for item in batch.inputs { table.prefetch(item) }
        for item in batch.targets { table.prefetch(item) }
        encoder.forward(batch, table, dropout: &dropout)
        let sum = encoder.withHidden { hidden in
            let sum = loss.lossAndGradient(
                hidden: hidden, batch, negatives, table, head: encoder.repeatHead, rows: &rows)
            guard configuration.distillation > 0 else { return sum }
            let distilled = distill(hidden)
            rememberWindows(hidden)
            return sum + distilled
        }
        loss.propagate(to: encoder, batch, table, rows: &rows)
        return sum
    }

    /// The other half of a step. A gradient that is not finite is not applied: see ``isFinite``.
    public mutating func applyGradients() {
        let scale = encoder.gradientScale(forNorm: configuration.gradientNormMax)
        isFinite = scale != nil && lossIsFinite
        guard let scale, isFinite else { return }
        for item in rows.items { good.save(item, of: table) }
        // Vectors are served and read as they are compared: by their directions.
        table.apply(
            rows, configuration.rowOptimizer, rate: configuration.rate, epsilon: 1e-6,
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
    public var touchedItems: [ItemIndex] { rows.items }
}
