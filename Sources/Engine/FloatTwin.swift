internal import Foundation
internal import Learning
internal import SequenceModels
internal import Tensors

// V = item count, D = hidden width

/// A model as it learns, in float, ranking every item: what its int8 twin is measured against, and what tells
/// the loss on events that were held out. Reads the whole table a session; nothing is served from it.
final class FloatTwin {
    private var batch: SequenceBatch
    /// [1 x D]
    private var hidden: Matrix
    /// Of the last session, [1 x capacity]; the first V are in use.
    private var scores: Matrix
    private var candidates: TopK
    private var count = 0
    /// The session's own items.
    private var repeated: [ItemIndex] = []

    init(of member: NeuralMember, candidatesMax: Int) {
        batch = SequenceBatch(positionsMax: member.window)
        hidden = Matrix(rows: 1, columns: member.learner.encoder.dimensions)
        scores = Matrix(rows: 1, columns: member.learner.table.capacity)
        candidates = TopK(capacity: candidatesMax)
    }

    /// Scores every item after the newest events of a session.
    ///
    /// - Parameter window: oldest event first, not empty.
    func encode(_ window: [SessionEvent], _ member: NeuralMember) {
        var newest = Array(window.suffix(member.window))
        // A batch reads what comes before a target; the target itself is not read.
        newest.append(newest[newest.count - 1])
        batch.removeAll()
        batch.append(newest.span) { _ in 1 }
        batch.arrange()
        var dropout = Dropout.none
        member.learner.encoder.forward(batch, member.learner.table, dropout: &dropout)
        let last = batch.positionCount - 1
        member.learner.encoder.withHidden { states in hidden.copyRow(0, from: states, row: last) }
        let head = member.learner.encoder.repeatHead
        RepeatHead.items(of: Array(window.suffix(member.window)).span, into: &repeated)
        let additions = repeated.indices.map { head.addition(place: $0, after: hidden, row: 0) }
        if let temperature = member.learner.configuration.temperature {
            hidden.normalizeRow(0)
            hidden.scaleRow(0, by: 1 / temperature)
        }
        count = member.learner.table.count
        multiplyNT(hidden, rows: 0..<1, member.learner.table.vectors, rows: count, into: &scores, accumulating: false)
        scores.withMutableRow(0) { scores in
            member.learner.table.biases.withRow(0) { biases in
                for item in 0..<count { scores[item] += biases[item] }
                for (item, addition) in zip(repeated, additions) { scores[Int(item)] += addition }
            }
        }
    }

    func score(_ item: ItemIndex) -> Float { scores[0, Int(item)] }

    /// The cross-entropy of an item over all items, in nats.
    func loss(of item: ItemIndex) -> Float {
        scores.withRow(0) { scores in
            var best = -Float.infinity
            for item in 0..<count { best = max(best, scores[item]) }
            var sum: Float = 0
            for item in 0..<count { sum += exp(scores[item] - best) }
            return log(sum) + best - scores[Int(item)]
        }
    }

    /// The best items but some, best first; equal scores the lower row first.
    func top(_ limit: Int, excluding excluded: ItemSet) -> [ItemIndex] {
        candidates.removeAll(limit: limit)
        scores.withRow(0) { scores in
            for item in 0..<count where scores[item] > candidates.threshold && !excluded.contains(ItemIndex(item)) {
                candidates.insert(index: item, score: scores[item])
            }
        }
        return (0..<candidates.count).map { ItemIndex(candidates.index(at: $0)) }
    }
}
