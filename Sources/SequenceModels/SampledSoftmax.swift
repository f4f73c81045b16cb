public import Tensors

// P = positions of a batch, N = negatives, D = hidden width

/// Cross-entropy of the next item against negatives that all positions of a step share (Hidasi and
/// Karatzoglou 2018): one matrix product scores every position against every negative.
///
/// The score of item j after hidden state h is h·E_j + b_j; with a temperature T it is h·E_j / (|h| |E_j| T) + b_j.
/// Where negatives are drawn unevenly, the
/// logarithm of their expected count is subtracted from their scores, never from the target's
/// (Bengio and Senécal 2008; "logQ correction").
public struct SampledSoftmax: ~Copyable {
    /// Lengths that states and item vectors are brought to, 1 / T and 1; nil without a temperature.
    private let (stateLength, itemLength): (Float?, Float?)
    /// Rows of the negatives, of length one where there is a temperature, [N x D].
    private var negativeVectors: Matrix
    /// What they were multiplied with.
    private var negativeScales: [Float]
    /// The same transposed, the target's column zero, [D x (N + 1)].
    private var negativeColumns: Matrix
    /// What is added to the score of each negative whatever the state: b_j - log(expected count), and 0
    /// for the target's column, [1 x (N + 1)].
    private var offsets: Matrix
    /// Logits, then their gradient; the target's is the last column, [P x (N + 1)].
    private var logits: Matrix
    /// Sum of the logits' gradients over the positions, [1 x (N + 1)].
    private var logitsGradientSum: Matrix
    /// What vectors are multiplied with: h, or h / (|h| T), [P x D].
    private var states: Matrix
    private var stateScales: [Float]
    /// As `negativeVectors`, of each position's target, [P x D].
    private var targets: Matrix
    private var targetScales: [Float]
    /// dL/d(state), [P x D].
    private var stateGradient: Matrix
    /// dL/dh, [P x D].
    public internal(set) var hiddenGradient: Matrix
    /// dL/dE of the negatives, [N x D].
    private var negativeGradient: Matrix

    /// Where the negatives stand.
    private var columns: NegativeColumns
    /// The sessions' own items that are among what their positions are scored against.
    private var ownCandidates: [OwnCandidate] = []

    private struct OwnCandidate {
        var position: Int
        /// Among the newest items of the session.
        var place: Int
        var item: ItemIndex
        var isTarget: Bool
    }

    public let positionsMax: Int
    public let negativesMax: Int

    /// From this many positions on the negatives are transposed first, see `GRU.forward`.
    private static let transposingPositions = 4

    /// Positions ahead of the one in work whose target is asked for.
    private static let positionsAhead = 4

    /// - Parameter temperature: nil for scores that are plain products.
    public init(temperature: Float?, positionsMax: Int, negativesMax: Int, dimensions: Int) {
        (stateLength, itemLength) = (temperature.map { 1 / $0 }, temperature.map { _ in 1 })
        self.positionsMax = positionsMax
        self.negativesMax = negativesMax
        negativeVectors = Matrix(rows: negativesMax, columns: dimensions)
        negativeScales = [Float](repeating: 1, count: negativesMax)
        negativeColumns = Matrix(rows: dimensions, columns: negativesMax + 1)
        offsets = Matrix(rows: 1, columns: negativesMax + 1)
        logits = Matrix(rows: positionsMax, columns: negativesMax + 1)
        logitsGradientSum = Matrix(rows: 1, columns: negativesMax + 1)
        columns = NegativeColumns(count: negativesMax)
        states = Matrix(rows: positionsMax, columns: dimensions)
        stateScales = [Float](repeating: 1, count: positionsMax)
        targets = Matrix(rows: positionsMax, columns: dimensions)
        targetScales = [Float](repeating: 1, count: positionsMax)
        stateGradient = Matrix(rows: positionsMax, columns: dimensions)
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
        gather(hidden: hidden, batch, negatives, table)
        score(batch, table)
        if let head { add(head, hidden, batch) }
        var loss: Float = 0
        for position in 0..<batch.positionCount {
            loss += differentiateRow(position, weight: batch.weights[position])
        }
        if let head { propagate(to: head, batch) }
        propagateStates(positions: batch.positionCount)
        propagateItems(batch, negatives, rows: &rows)
        head?.backward(hidden, positions: batch.positionCount, addingTo: &hiddenGradient)
        return loss
    }

    /// Takes over what is multiplied with what.
    private mutating func gather(
        hidden: borrowing Matrix, _ batch: SequenceBatch, _ negatives: NegativeSample,
        _ table: borrowing EmbeddingTable
    ) {
        for (row, item) in negatives.items.enumerated() {
            negativeScales[row] = negativeVectors.take(
                row, of: table.vectors, row: Int(item), length: itemLength)
            offsets[0, row] = table.biases[0, Int(item)] - negatives.logExpectedCounts[row]
        }
        for position in 0..<batch.positionCount {
            // What the encoder went over since has driven the first ones out.
            let coming = position + Self.positionsAhead
            if coming < batch.positionCount { table.vectors.prefetchRow(Int(batch.targets[coming])) }
            targetScales[position] = targets.take(
                position, of: table.vectors, row: Int(batch.targets[position]), length: itemLength)
            stateScales[position] = states.take(position, of: hidden, row: position, length: stateLength)
        }
    }

    private mutating func score(_ batch: SequenceBatch, _ table: borrowing EmbeddingTable) {
        let positions = batch.positionCount
        if positions >= Self.transposingPositions {
            transpose(negativeVectors, rows: negativesMax, into: &negativeColumns)
            multiplyNN(
                states, rows: 0..<positions, negativeColumns, rows: states.columns, into: &logits,
                accumulating: false, precision: .rounded)
        } else {
            multiplyNT(
                states, rows: 0..<positions, negativeVectors, rows: negativesMax, into: &logits, accumulating: false)
        }
        for position in 0..<positions {
            let target = batch.targets[position]
            logits.addRow(position, from: offsets, row: 0, scale: 1)
            // A negative that is the target would push against it.
            columns.add(-.infinity, to: &logits, row: position, of: target)
            let score = states.withRow(position) { state in targets.withRow(position) { dot(state, $0) } }
            logits[position, negativesMax] = score + table.biases[0, Int(target)]
        }
    }

    /// Adds what the head says of the session's own items where they are the target, or negatives by chance, as
    /// others are: were they always candidates, they alone would always be pushed down.
    private mutating func add(_ head: RepeatHead, _ hidden: borrowing Matrix, _ batch: SequenceBatch) {
        head.forward(hidden, positions: batch.positionCount)
        ownCandidates.removeAll(keepingCapacity: true)
        for position in 0..<batch.positionCount {
            let target = batch.targets[position]
            for (place, index) in batch.recents[position].enumerated() {
                let item = batch.recentItems[index]
                guard item == target || columns.mayHave(item) else { continue }
                ownCandidates.append(OwnCandidate(position: position, place: place, item: item, isTarget: item == target))
            }
        }
        for own in ownCandidates {
            let addition = head.addition(own.position, place: own.place)
            if own.isTarget { logits[own.position, negativesMax] += addition }
            columns.add(addition, to: &logits, row: own.position, of: own.item)
        }
    }

    /// Hands on the gradient of what was added.
    private func propagate(to head: RepeatHead, _ batch: SequenceBatch) {
        head.beginGradient(0..<batch.positionCount)
        for own in ownCandidates {
            let slope =
                own.isTarget ? logits[own.position, negativesMax] : columns.sum(logits, row: own.position, of: own.item)
            if slope != 0 { head.addGradient(own.position, place: own.place, slope) }
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

    private mutating func propagateStates(positions: Int) {
        multiplyNN(
            logits, rows: 0..<positions, negativeVectors, rows: negativesMax, into: &stateGradient,
            accumulating: false, precision: .rounded)
        hiddenGradient.fill(0, rows: 0..<positions)
        for position in 0..<positions {
            stateGradient.addRow(position, from: targets, row: position, scale: logits[position, negativesMax])
            hiddenGradient.addTangent(
                position, of: stateGradient, row: position, at: states, row: position, length: stateLength,
                scale: stateScales[position])
        }
    }

    private mutating func propagateItems(
        _ batch: SequenceBatch, _ negatives: NegativeSample, rows: inout RowGradients
    ) {
        let positions = batch.positionCount
        multiplyTN(
            logits, columns: negativesMax, states, rows: positions, into: &negativeGradient, accumulating: false,
            precision: .rounded)
        logitsGradientSum.fill(0, rows: 0..<1)
        rows.admit(batch.targets)
        for position in 0..<positions {
            let slope = logits[position, negativesMax]
            rows.addTangent(
                batch.targets[position], of: states, row: position, at: targets, row: position, length: itemLength,
                scale: targetScales[position] * slope, bias: slope)
            logitsGradientSum.addRow(0, from: logits, row: position, scale: 1)
        }
        for (row, item) in negatives.items.enumerated() {
            rows.addTangent(
                item, of: negativeGradient, row: row, at: negativeVectors, row: row, length: itemLength,
                scale: negativeScales[row], bias: logitsGradientSum[0, row])
        }
    }
}
