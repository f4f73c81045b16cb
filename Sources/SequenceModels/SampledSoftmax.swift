public import Tensors

// P = positions of a batch, N = negatives, D = hidden width

/// Cross-entropy of the next item against negatives that all positions of a step share (Hidasi and
/// Karatzoglou 2018): one matrix product scores every position against every negative.
///
/// The score of item j after hidden state h is h·E_j + b_j. Where negatives are drawn unevenly, the
/// logarithm of their expected count is subtracted from their scores, never from the target's
/// (Bengio and Senécal 2008; "logQ correction").
public struct SampledSoftmax: ~Copyable {
    /// Rows of the negatives, [N x D].
    private var negativeVectors: Matrix
    /// The same transposed, the target's column zero, [D x (N + 1)].
    private var negativeColumns: Matrix
    /// What is added to the score of each negative whatever the state: b_j - log(expected count), and 0
    /// for the target's column, [1 x (N + 1)].
    private var offsets: Matrix
    /// Logits, then their gradient; the target's is the last column, [P x (N + 1)].
    private var logits: Matrix
    /// Sum of the logits' gradients over the positions, [1 x (N + 1)].
    private var logitsGradientSum: Matrix
    /// dL/dh, [P x D].
    public internal(set) var hiddenGradient: Matrix
    /// dL/dE of the negatives, [N x D].
    private var negativeGradient: Matrix

    /// Where the negatives stand.
    private var columns: NegativeColumns

    public let positionsMax: Int
    public let negativesMax: Int

    /// From this many positions on the negatives are transposed first, see `GRU.forward`.
    private static let transposingPositions = 4

    /// Positions ahead of the one in work whose target is asked for.
    private static let positionsAhead = 4

    public init(positionsMax: Int, negativesMax: Int, dimensions: Int) {
        self.positionsMax = positionsMax
        self.negativesMax = negativesMax
        negativeVectors = Matrix(rows: negativesMax, columns: dimensions)
        negativeColumns = Matrix(rows: dimensions, columns: negativesMax + 1)
        offsets = Matrix(rows: 1, columns: negativesMax + 1)
        logits = Matrix(rows: positionsMax, columns: negativesMax + 1)
        logitsGradientSum = Matrix(rows: 1, columns: negativesMax + 1)
        columns = NegativeColumns(count: negativesMax)
        hiddenGradient = Matrix(rows: positionsMax, columns: dimensions)
        negativeGradient = Matrix(rows: negativesMax, columns: dimensions)
    }

    /// The loss of a batch, and its gradient: with respect to the hidden states in
    /// ``hiddenGradient``, with respect to the item rows added to `rows`.
    ///
    /// - Parameter head: adds to the scores of a session's own items; its gradient is added to.
    /// - Returns: the weighted sum of the positions' cross-entropies, in nats. The gradient is of this sum.
    public mutating func lossAndGradient(
        hidden: borrowing Matrix, _ batch: SequenceBatch, _ negatives: NegativeSample,
        _ table: borrowing EmbeddingTable, head: RepeatHead?, rows: inout RowGradients
    ) -> Float {
        precondition(
            batch.positionCount <= positionsMax && negatives.items.count == negativesMax,
            "the batch and its negatives fit the workspace")
        rows.admit(negatives.items)
        columns.arrange(negatives.items)
        score(hidden: hidden, batch, negatives, table)
        if let head { add(head, hidden, batch) }
        var loss: Float = 0
        for position in 0..<batch.positionCount {
            loss += differentiateRow(position, weight: batch.weights[position])
        }
        if let head { propagate(to: head, batch) }
        propagate(hidden: hidden, batch, negatives, table, rows: &rows)
        head?.backward(hidden, positions: batch.positionCount, addingTo: &hiddenGradient)
        return loss
    }

    private mutating func score(
        hidden: borrowing Matrix, _ batch: SequenceBatch, _ negatives: NegativeSample,
        _ table: borrowing EmbeddingTable
    ) {
        for (row, item) in negatives.items.enumerated() {
            negativeVectors.copyRow(row, from: table.vectors, row: Int(item))
            offsets[0, row] = table.biases[0, Int(item)] - negatives.logExpectedCounts[row]
        }
        if batch.positionCount >= Self.transposingPositions {
            transpose(negativeVectors, rows: negativesMax, into: &negativeColumns)
            multiplyNN(
                hidden, rows: 0..<batch.positionCount, negativeColumns, rows: hidden.columns, into: &logits,
                accumulating: false, precision: .rounded)
        } else {
            multiplyNT(
                hidden, rows: 0..<batch.positionCount, negativeVectors, rows: negativesMax, into: &logits,
                accumulating: false)
        }
        for position in 0..<batch.positionCount {
            // What the encoder went over since has driven the first ones out.
            let coming = position + Self.positionsAhead
            if coming < batch.positionCount { table.vectors.prefetchRow(Int(batch.targets[coming])) }
            let target = batch.targets[position]
            let targetScore =
                hidden.withRow(position) { hidden in
                    table.vectors.withRow(Int(target)) { dot(hidden, $0) }
                } + table.biases[0, Int(target)]
            logits.addRow(position, from: offsets, row: 0, scale: 1)
            // A negative that is the target would push against it.
            columns.add(-.infinity, to: &logits, row: position, of: target)
            logits[position, negativesMax] = targetScore
        }
    }

    /// Adds what the head says of the session's own items where they are the target, or negatives by chance, as
    /// others are: were they always candidates, they alone would always be pushed down.
    private mutating func add(_ head: RepeatHead, _ hidden: borrowing Matrix, _ batch: SequenceBatch) {
        head.forward(hidden, positions: batch.positionCount)
        for position in 0..<batch.positionCount {
            for (place, index) in batch.recents[position].enumerated() {
                let (item, addition) = (batch.recentItems[index], head.addition(position, place: place))
                if item == batch.targets[position] { logits[position, negativesMax] += addition }
                columns.add(addition, to: &logits, row: position, of: item)
            }
        }
    }

    /// Hands on the gradient of what was added.
    private func propagate(to head: RepeatHead, _ batch: SequenceBatch) {
        for position in 0..<batch.positionCount {
            head.beginGradient(position)
            for (place, index) in batch.recents[position].enumerated() {
                let item = batch.recentItems[index]
                let isTarget = item == batch.targets[position]
                let slope = isTarget ? logits[position, negativesMax] : columns.sum(logits, row: position, of: item)
                if slope != 0 { head.addGradient(position, place: place, slope) }
            }
        }
    }

    /// Turns a row of logits into the gradient of its cross-entropy.
    private mutating func differentiateRow(_ position: Int, weight: Float) -> Float {
        let last = negativesMax
        return logits.withMutableRow(position) { row in
            let targetScore = row[last]
            let loss = softmax(&row) - targetScore
            row[last] -= 1
            if weight != 1 { for column in 0...last { row[column] *= weight } }
            return loss * weight
        }
    }

    private mutating func propagate(
        hidden: borrowing Matrix, _ batch: SequenceBatch, _ negatives: NegativeSample,
        _ table: borrowing EmbeddingTable, rows: inout RowGradients
    ) {
        let positions = batch.positionCount
        multiplyNN(
            logits, rows: 0..<positions, negativeVectors, rows: negativesMax, into: &hiddenGradient,
            accumulating: false, precision: .rounded)
        multiplyTN(
            logits, columns: negativesMax, hidden, rows: positions, into: &negativeGradient, accumulating: false,
            precision: .rounded)
        for position in 0..<positions {
            let target = batch.targets[position]
            let gradient = logits[position, negativesMax]
            hiddenGradient.addRow(position, from: table.vectors, row: Int(target), scale: gradient)
            rows.add(target, from: hidden, row: position, scale: gradient, bias: gradient)
        }
        logitsGradientSum.fill(0, rows: 0..<1)
        for position in 0..<positions { logitsGradientSum.addRow(0, from: logits, row: position, scale: 1) }
        for (row, item) in negatives.items.enumerated() {
            rows.add(item, from: negativeGradient, row: row, scale: 1, bias: logitsGradientSum[0, row])
        }
    }
}
