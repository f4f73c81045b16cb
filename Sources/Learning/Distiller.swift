internal import SequenceModels
internal import Tensors

/// Old windows beside the new ones, whose scores are kept as they were: what was learned long ago is not only
/// learned again but held.
final class Distiller {
    var memory: DistillationMemory
    /// The windows of the step under way that are new.
    var stagedEvents: [[SessionEvent]] = []
    /// Those of it that are old, by their places.
    private var rehearsed: [(window: Int, scores: OldScores)] = []

    /// Old windows a step at most.
    static let windowsMax = 8
    /// Items of an old score.
    static let itemsMax = 16
    private static let memoryMax = 4096

    init(seed: UInt64) {
        memory = DistillationMemory(capacity: Self.memoryMax, seed: seed)
    }

    /// Adds old windows to a step, at most as many as there are new ones.
    func stage(into batch: inout SequenceBatch) {
        rehearsed.removeAll(keepingCapacity: true)
        for _ in 0..<min(Self.windowsMax, batch.windowCount, Learner.windowsMax - batch.windowCount) {
            guard let exemplar = memory.draw() else { return }
            let place = batch.windowCount
            if batch.append(exemplar.window.span, weight: { _ in 1 }) { rehearsed.append((place, exemplar.scores)) }
        }
    }

    /// The distillation of the old windows, after the loss and before its gradient goes on to the encoder.
    ///
    /// - Returns: what it adds to the loss.
    func distill(
        _ loss: inout NextItemLoss, _ batch: SequenceBatch, weight: Float, hidden: borrowing Matrix,
        _ table: borrowing EmbeddingTable, rows: inout RowGradients
    ) -> Float {
        guard weight > 0 else { return 0 }
        var sum: Float = 0
        for (window, scores) in rehearsed {
            sum += loss.distill(
                scores, position: lastPosition(ofWindow: window, batch), weight: weight, hidden: hidden, table, rows: &rows)
        }
        return sum
    }

    /// Keeps some of the new windows with what the model expects at the end of them: of the item that came and the
    /// step's negatives, the best.
    func remember(
        _ batch: SequenceBatch, _ negatives: NegativeSample, hidden: borrowing Matrix, _ table: borrowing EmbeddingTable
    ) {
        for (window, events) in stagedEvents.enumerated() {
            guard let target = events.last?.item, let place = memory.place() else { continue }
            let scores = OldScores(
                of: [target] + negatives.items, count: Self.itemsMax, after: hidden,
                position: lastPosition(ofWindow: window, batch), table)
            memory.keep(.init(window: events, scores: scores), at: place)
        }
        stagedEvents.removeAll(keepingCapacity: true)
    }

    /// The row of the last position of a window, counted as windows were added.
    private func lastPosition(ofWindow window: Int, _ batch: SequenceBatch) -> Int {
        let rank = batch.order.firstIndex(of: window) ?? 0
        let time = batch.steps.lastIndex { $0.count > rank } ?? 0
        return batch.steps[time].lowerBound + rank
    }
}
