public import Tensors

/// The loss of a learner's steps with its workspace.
public enum NextItemLoss: ~Copyable {
    case softmax(SampledSoftmax)
    case candidates(CandidateLoss)

    /// - Parameters:
    ///   - temperature: nil for scores that are plain products.
    ///   - itemsMax: read by a full softmax only.
    public init(
        _ loss: Loss, temperature: Float?, positionsMax: Int, negativesMax: Int, itemsMax: Int, dimensions: Int
    ) {
        if loss == .sampledSoftmax {
            self = .softmax(
                SampledSoftmax(
                    temperature: temperature, positionsMax: positionsMax, negativesMax: negativesMax,
                    dimensions: dimensions))
        } else {
            precondition(loss != .fullSoftmax || itemsMax <= Loss.vocabularyMax, "a full softmax is for small catalogues")
            self = .candidates(
                CandidateLoss(
                    loss, temperature: temperature, positionsMax: positionsMax,
                    candidatesMax: loss == .fullSoftmax ? itemsMax : negativesMax, dimensions: dimensions))
        }
    }

    /// Distinct item rows that the gradient of one step can have, the inputs included.
    public static func rowsMax(_ loss: Loss, positionsMax: Int, negativesMax: Int, itemsMax: Int) -> Int {
        loss == .fullSoftmax ? itemsMax : 2 * positionsMax + negativesMax
    }

    /// As `SampledSoftmax.lossAndGradient`.
    public mutating func lossAndGradient(
        hidden: borrowing Matrix, _ batch: SequenceBatch, _ negatives: NegativeSample,
        _ table: borrowing EmbeddingTable, head: RepeatHead?, rows: inout RowGradients
    ) -> Float {
        switch consume self {
        case .softmax(var softmax):
            let sum = softmax.lossAndGradient(hidden: hidden, batch, negatives, table, head: head, rows: &rows)
            self = .softmax(softmax)
            return sum
        case .candidates(var candidates):
            let sum = candidates.lossAndGradient(hidden: hidden, batch, negatives, table, head: head, rows: &rows)
            self = .candidates(candidates)
            return sum
        }
    }

    /// Hands the gradient of the states on to the encoder that made them.
    public borrowing func propagate(
        to encoder: any SequenceEncoder, _ batch: SequenceBatch, _ table: borrowing EmbeddingTable,
        rows: inout RowGradients
    ) {
        switch self {
        case .softmax(let softmax):
            encoder.backward(batch, table, hiddenGradient: softmax.hiddenGradient, rows: &rows)
        case .candidates(let candidates):
            encoder.backward(batch, table, hiddenGradient: candidates.hiddenGradient, rows: &rows)
        }
    }
}
