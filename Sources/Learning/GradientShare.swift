internal import SequenceModels
internal import Tensors

/// A part of a step's work that one thread does by itself: some of the step's windows, from their items to the
/// gradients.
///
/// A class because a learner has several that work side by side, each with an encoder of its own to work in: the
/// first has the one that learns, the others have copies that follow.
final class GradientShare {
    let encoder: any SequenceEncoder
    var dropout: Dropout
    private var batch: SequenceBatch
    private var loss: NextItemLoss
    private(set) var rows: RowGradients
    /// The sum of the losses of the step's positions.
    private(set) var lossSum: Float = 0
    /// Positions of the windows that were added.
    private(set) var positionCount = 0
    let distiller: Distiller?

    /// Positions that are computed together: what they leave for the way back stays in the caches.
    private static let partPositionsMax = 320

    /// - Parameters:
    ///   - encoder: of as many positions as ``workspacePositions(_:)`` says.
    ///   - positionsMax: of all windows of a step that come to this share.
    init(_ encoder: any SequenceEncoder, _ configuration: LearnerConfiguration, positionsMax: Int) {
        self.encoder = encoder
        dropout = Dropout(rate: configuration.dropout, seed: configuration.seed &+ 1)
        batch = SequenceBatch(positionsMax: positionsMax)
        loss = NextItemLoss(
            configuration.loss, temperature: configuration.temperature, positionsMax: encoder.positionsMax,
            negativesMax: configuration.negatives, itemsMax: configuration.itemsMax, dimensions: configuration.dimensions)
        // In the first share the rows of all come together.
        let rowsMax = NextItemLoss.rowsMax(
            configuration.loss, positionsMax: Learner.windowsMax * configuration.window, negativesMax: configuration.negatives,
            itemsMax: configuration.itemsMax)
        let oldRowsMax = configuration.distillation > 0 ? Distiller.windowsMax * Distiller.itemsMax : 0
        rows = RowGradients(slotsMax: rowsMax + oldRowsMax, dimensions: configuration.dimensions)
        distiller = configuration.distillation > 0 ? Distiller(seed: configuration.seed &+ 3) : nil
    }

    /// Positions that an encoder must have room for. Old scores are told by their windows' places among all.
    static func workspacePositions(_ configuration: LearnerConfiguration) -> Int {
        configuration.distillation > 0
            ? Learner.windowsMax * configuration.window : max(partPositionsMax, configuration.window)
    }

    var hasWindows: Bool { positionCount > 0 }

    /// Begins a step.
    func removeAll() {
        batch.removeAll()
        rows.removeAll()
        (lossSum, positionCount) = (0, 0)
    }

    /// Adds one of the step's windows.
    func append(_ window: Span<SessionEvent>, weight: Float) {
        if batch.append(window, weight: { _ in weight }) { positionCount = batch.positionCount }
    }

    /// Adds old windows to what is staged, at most as many as there are new ones.
    func appendOldWindows() {
        distiller?.stage(into: &batch)
        positionCount = batch.positionCount
    }

    /// The gradient of the share's windows, as they were added.
    func computeGradients(_ table: borrowing EmbeddingTable, _ negatives: NegativeSample, distillation: Float) {
        encoder.clearGradients()
        let positionsMax = distiller == nil ? Self.partPositionsMax : positionCount
        var part = batch.part(from: 0, positionsMax: positionsMax)
        while !part.isEmpty {
            defer { part = batch.part(from: part.upperBound, positionsMax: positionsMax) }
            batch.arrange(part)
            for item in batch.inputs { table.prefetch(item) }
            for item in batch.targets { table.prefetch(item) }
            encoder.forward(batch, table, dropout: &dropout)
            encoder.withHidden { hidden in
                lossSum += loss.lossAndGradient(
                    hidden: hidden, batch, negatives, table, head: encoder.repeatHead, rows: &rows)
                guard let distiller else { return }
                lossSum += distiller.distill(
                    &loss, batch, weight: distillation, hidden: hidden, table, rows: &rows)
                distiller.remember(batch, negatives, hidden: hidden, table)
            }
            loss.propagate(to: encoder, batch, table, rows: &rows)
        }
    }

    /// Adds the gradients of a share that is done.
    func add(_ other: GradientShare) {
        encoder.addGradients(of: other.encoder)
        rows.add(other.rows)
        lossSum += other.lossSum
        positionCount += other.positionCount
    }
}
