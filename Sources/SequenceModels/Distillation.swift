internal import Foundation
public import Tensors

// K = items of an old score

/// What a model once expected after a session: some items, with the softmax of their scores.
public struct OldScores: Sendable, Equatable {
    public var items: [ItemIndex]
    /// Sums to one.
    public var shares: [Float]

    /// The best `count` of some items as they score after a state, each named once.
    public init(
        of candidates: [ItemIndex], count: Int, after hidden: borrowing Matrix, position: Int,
        _ table: borrowing EmbeddingTable
    ) {
        var scored: [(item: ItemIndex, score: Float)] = []
        for item in Set(candidates).sorted() {
            scored.append((item, plainScore(item, hidden, position, table)))
        }
        scored.sort { ($1.score, $0.item) < ($0.score, $1.item) }
        scored.removeLast(max(0, scored.count - count))
        items = scored.map(\.item)
        shares = softmaxed(scored.map(\.score))
    }
}

extension NextItemLoss {
    /// Adds what keeps a state's scores as they were (knowledge distillation, Hinton, Vinyals and Dean 2015; over
    /// replayed sessions as in ADER, Mi, Lin and Faltings 2020): weight · -Σ share log softmax(score), over the K
    /// items of `old`. The gradient is added to that of ``lossAndGradient(hidden:_:_:_:head:rows:)``, which comes before.
    ///
    /// - Returns: the same number.
    public mutating func distill(
        _ old: OldScores, position: Int, weight: Float, hidden: borrowing Matrix, _ table: borrowing EmbeddingTable,
        rows: inout RowGradients
    ) -> Float {
        let shares = softmaxed(old.items.map { plainScore($0, hidden, position, table) })
        var slopes: [Float] = []
        var sum: Float = 0
        for (share, oldShare) in zip(shares, old.shares) {
            slopes.append(weight * (share - oldShare))
            sum -= oldShare * log(max(share, .leastNormalMagnitude))
        }
        for (item, slope) in zip(old.items, slopes) {
            rows.add(item, from: hidden, row: position, scale: slope)
            rows.addBias(item, slope)
        }
        switch consume self {
        case .softmax(var softmax):
            for (item, slope) in zip(old.items, slopes) {
                softmax.hiddenGradient.addRow(position, from: table.vectors, row: Int(item), scale: slope)
            }
            self = .softmax(softmax)
        case .candidates(var candidates):
            for (item, slope) in zip(old.items, slopes) {
                candidates.hiddenGradient.addRow(position, from: table.vectors, row: Int(item), scale: slope)
            }
            self = .candidates(candidates)
        }
        return weight * sum
    }
}

private func plainScore(
    _ item: ItemIndex, _ hidden: borrowing Matrix, _ position: Int, _ table: borrowing EmbeddingTable
) -> Float {
    hidden.withRow(position) { state in table.vectors.withRow(Int(item)) { dot(state, $0) } } + table.biases[0, Int(item)]
}

private func softmaxed(_ scores: [Float]) -> [Float] {
    let best = scores.max() ?? 0
    let powers = scores.map { exp($0 - best) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
}
