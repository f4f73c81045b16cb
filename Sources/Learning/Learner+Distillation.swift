internal import SequenceModels
internal import Tensors

/// Old windows beside the new ones, whose scores are kept as they were: what was learned long ago is not only
/// learned again but held. Off where `LearnerConfiguration.distillation` is 0.
extension Learner {
    /// Old windows a step at most.
    static let oldWindowsMax = 8
    /// Items of an old score.
    static let oldItemsMax = 16
    static let memoryMax = 4096

    /// Adds old windows to what is staged, at most as many as there are new ones.
    mutating func stageOldWindows() {
        rehearsed.removeAll(keepingCapacity: true)
        guard configuration.distillation > 0 else { return }
        for _ in 0..<min(Self.oldWindowsMax, batch.windowCount, Self.windowsMax - batch.windowCount) {
            guard let exemplar = memory.draw() else { return }
            let place = batch.windowCount
            if batch.append(exemplar.window.span, weight: { _ in 1 }) { rehearsed.append((place, exemplar.scores)) }
        }
    }

    /// The distillation of the old windows, after the loss and before its gradient goes on to the encoder.
    mutating func distill(_ hidden: borrowing Matrix) -> Float {
        var sum: Float = 0
        for (window, scores) in rehearsed {
            sum += loss.distill(
                scores, position: lastPosition(ofWindow: window), weight: configuration.distillation, hidden: hidden,
                table, rows: &rows)
        }
        return sum
    }

    /// Keeps some of the new windows with what the model expects at the end of them: of the item that came and the
    /// step's negatives, the best.
    mutating func rememberWindows(_ hidden: borrowing Matrix) {
        for (window, events) in stagedEvents.enumerated() {
            guard let target = events.last?.item, let place = memory.place() else { continue }
            let scores = OldScores(
                of: [target] + negatives.items, count: Self.oldItemsMax, after: hidden,
                position: lastPosition(ofWindow: window), table)
            memory.keep(.init(window: events, scores: scores), at: place)
        }
        stagedEvents.removeAll(keepingCapacity: true)
    }

    /// The row of the last position of a window, counted as windows were added.
    private func lastPosition(ofWindow window: Int) -> Int {
        let rank = batch.order.firstIndex(of: window) ?? 0
        let time = batch.steps.lastIndex { $0.count > rank } ?? 0
        return batch.steps[time].lowerBound + rank
    }
}
