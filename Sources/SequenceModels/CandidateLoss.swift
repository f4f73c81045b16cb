public import Tensors

// P = positions of a batch, B = positions of a block, C = candidates, D = hidden width

/// Any loss, and any score, over a step's candidates: negatives that all positions share, every item, or none but
/// the target. `SampledSoftmax` is the same for its one loss, and faster.
///
/// The score of item j after hidden state h is h·Eⱼ + bⱼ; with a temperature T it is h·Eⱼ / (|h| |Eⱼ| T) + bⱼ, which
/// is bounded whatever is learned.
public struct CandidateLoss: ~Copyable {
    private let loss: Loss
    /// Lengths that states and item vectors are brought to, 1 / T and 1; nil without a temperature.
    private let (stateLength, itemLength): (Float?, Float?)
    /// The candidates of the step, and where they stand.
    private var items: [ItemIndex] = []
    private var columns: NegativeColumns
    /// Their vectors, of length one where there is a temperature, [C x D].
    private var vectors: Matrix
    /// What they were multiplied with.
    private var vectorScales: [Float]
    /// What is added to a candidate's score whatever the state.
    ///
    /// [1 x (C + 1)], 0 beyond the candidates.
    private var offsets: Matrix
    private var vectorGradient: Matrix
    /// [1 x (C + 1)]; what stands beyond the candidates is no gradient of theirs.
    private var biasGradient: Matrix

    /// What a candidate's vector is multiplied with: h, or h / (|h| T), [B x D].
    private var states: Matrix
    private var stateScales: [Float]
    /// dL/d(state), the target's part left out, [B x D].
    private var stateGradient: Matrix
    /// As `vectors`, of each position's target, [B x D].
    private var targets: Matrix
    private var targetScales: [Float]
    /// Scores, then their gradient, [B x (C + 1)].
    private var scores: Matrix
    /// dL/dh, [P x D].
    public internal(set) var hiddenGradient: Matrix

    public let positionsMax: Int
    public let candidatesMax: Int

    /// Positions that are scored together: what bounds the scores' memory.
    private static let blockMax = 64
    /// - Parameter candidatesMax: the negatives of a step, or for a full softmax the most items there will be.
    public init(_ loss: Loss, temperature: Float?, positionsMax: Int, candidatesMax: Int, dimensions: Int) {
        self.loss = loss
        (stateLength, itemLength) = (temperature.map { 1 / $0 }, temperature.map { _ in 1 })
        self.positionsMax = positionsMax
        self.candidatesMax = candidatesMax
        columns = NegativeColumns(count: loss == .fullSoftmax ? 0 : candidatesMax)
        vectors = Matrix(rows: candidatesMax, columns: dimensions)
        vectorScales = [Float](repeating: 1, count: candidatesMax)
        offsets = Matrix(rows: 1, columns: candidatesMax + 1)
        vectorGradient = Matrix(rows: candidatesMax, columns: dimensions)
        biasGradient = Matrix(rows: 1, columns: candidatesMax + 1)
        states = Matrix(rows: Self.blockMax, columns: dimensions)
        stateScales = [Float](repeating: 1, count: Self.blockMax)
        stateGradient = Matrix(rows: Self.blockMax, columns: dimensions)
        targets = Matrix(rows: Self.blockMax, columns: dimensions)
        targetScales = [Float](repeating: 1, count: Self.blockMax)
        scores = Matrix(rows: Self.blockMax, columns: candidatesMax + 1)
        hiddenGradient = Matrix(rows: positionsMax, columns: dimensions)
    }

    /// The loss of a batch, and its gradient: as `SampledSoftmax.lossAndGradient`.
    ///
    /// - Returns: the weighted sum of the positions' losses.
    public mutating func lossAndGradient(
        hidden: borrowing Matrix, _ batch: SequenceBatch, _ negatives: NegativeSample,
        _ table: borrowing EmbeddingTable, head: RepeatHead?, rows: inout RowGradients
    ) -> Float {
        precondition(batch.positionCount <= positionsMax, "the batch fits the workspace")
        gatherCandidates(negatives, table)
        head?.forward(hidden, positions: batch.positionCount)
        var sum: Float = 0
        var first = 0
        while first < batch.positionCount {
            let block = first..<min(first + Self.blockMax, batch.positionCount)
            score(block, hidden, batch, table)
            if let head { add(head, block, batch) }
            for position in block { sum += differentiate(position - first, position, batch, table) }
            if let head { propagate(to: head, block, batch) }
            propagate(block, batch, rows: &rows)
            first = block.upperBound
        }
        for (row, item) in items.enumerated() {
            rows.addTangent(
                item, of: vectorGradient, row: row, at: vectors, row: row, length: itemLength,
                scale: vectorScales[row], bias: biasGradient[0, row])
        }
        head?.backward(hidden, positions: batch.positionCount, addingTo: &hiddenGradient)
        return sum
    }

    /// The column of a position's target; of any item where all are candidates.
    private func column(of target: ItemIndex) -> Int { loss == .fullSoftmax ? Int(target) : items.count }

    private mutating func gatherCandidates(_ negatives: NegativeSample, _ table: borrowing EmbeddingTable) {
        items.removeAll(keepingCapacity: true)
        if loss == .fullSoftmax {
            items.append(contentsOf: 0..<ItemIndex(table.count))
        } else if loss.drawsNegatives {
            items.append(contentsOf: negatives.items)
            columns.arrange(items)
        }
        precondition(items.count <= candidatesMax, "the candidates fit the workspace")
        for (row, item) in items.enumerated() {
            vectorScales[row] = vectors.take(row, of: table.vectors, row: Int(item), length: itemLength)
            let correction = loss == .sampledSoftmax ? negatives.logExpectedCounts[row] : 0
            offsets[0, row] = table.biases[0, Int(item)] - correction
        }
        biasGradient.fill(0, rows: 0..<1)
        if !items.isEmpty { vectorGradient.fill(0, rows: 0..<items.count) }
    }

    private mutating func score(
        _ block: Range<Int>, _ hidden: borrowing Matrix, _ batch: SequenceBatch, _ table: borrowing EmbeddingTable
    ) {
        for position in block {
            let row = position - block.lowerBound
            stateScales[row] = states.take(row, of: hidden, row: position, length: stateLength)
        }
        multiplyNT(states, rows: 0..<block.count, vectors, rows: items.count, into: &scores, accumulating: false)
        for position in block {
            let (row, target) = (position - block.lowerBound, batch.targets[position])
            scores.addRow(row, from: offsets, row: 0, scale: 1)
            guard loss != .fullSoftmax else { continue }
            // A negative that is the target would push against it.
            columns.add(-.infinity, to: &scores, row: row, of: target)
            targetScales[row] = targets.take(row, of: table.vectors, row: Int(target), length: itemLength)
            let score = states.withRow(row) { state in targets.withRow(row) { dot(state, $0) } }
            scores[row, items.count] = score + table.biases[0, Int(target)]
        }
    }

    /// Adds what the head says of the session's own items, as `SampledSoftmax` does.
    private mutating func add(_ head: RepeatHead, _ block: Range<Int>, _ batch: SequenceBatch) {
        for position in block {
            let (row, target) = (position - block.lowerBound, batch.targets[position])
            for (place, index) in batch.recents[position].enumerated() {
                let (item, addition) = (batch.recentItems[index], head.addition(position, place: place))
                if item == target || loss == .fullSoftmax {
                    scores[row, column(of: item)] += addition
                } else {
                    columns.add(addition, to: &scores, row: row, of: item)
                }
            }
        }
    }

    private func propagate(to head: RepeatHead, _ block: Range<Int>, _ batch: SequenceBatch) {
        head.beginGradient(block)
        for position in block {
            let (row, target) = (position - block.lowerBound, batch.targets[position])
            for (place, index) in batch.recents[position].enumerated() {
                let item = batch.recentItems[index]
                let isAlone = item == target || loss == .fullSoftmax
                head.addGradient(
                    position, place: place,
                    isAlone ? scores[row, column(of: item)] : columns.sum(scores, row: row, of: item))
            }
        }
    }

    /// Turns a row of scores into their weighted gradient.
    private mutating func differentiate(
        _ row: Int, _ position: Int, _ batch: SequenceBatch, _ table: borrowing EmbeddingTable
    ) -> Float {
        let (value, target) = (batch.targetValues[position], column(of: batch.targets[position]))
        let isLearned = value != nil || !loss.learnsValues
        let weight = isLearned ? batch.weights[position] : 0
        let count = loss == .fullSoftmax ? items.count : items.count + 1
        return scores.withMutableRow(row) { scores in
            let sum = loss.differentiate(
                &scores, count: count, target: target, value: value ?? 0, itemCount: table.count)
            if weight != 1 { for column in 0..<count { scores[column] *= weight } }
            return sum * weight
        }
    }

    private mutating func propagate(_ block: Range<Int>, _ batch: SequenceBatch, rows: inout RowGradients) {
        let count = block.count
        multiplyTN(scores, columns: items.count, states, rows: count, into: &vectorGradient, accumulating: true)
        for row in 0..<count {
            biasGradient.addRow(0, from: scores, row: row, scale: 1)
        }
        if loss != .fullSoftmax {
            for position in block { propagateTarget(position - block.lowerBound, batch.targets[position], rows: &rows) }
        }
        stateGradient.fill(0, rows: 0..<count)
        multiplyNN(scores, rows: 0..<count, vectors, rows: items.count, into: &stateGradient, accumulating: true)
        for position in block { propagateState(position - block.lowerBound, position) }
    }

    private mutating func propagateTarget(_ row: Int, _ target: ItemIndex, rows: inout RowGradients) {
        let slope = scores[row, items.count]
        rows.addTangent(
            target, of: states, row: row, at: targets, row: row, length: itemLength,
            scale: targetScales[row] * slope, bias: slope)
    }

    private mutating func propagateState(_ row: Int, _ position: Int) {
        if loss != .fullSoftmax { stateGradient.addRow(row, from: targets, row: row, scale: scores[row, items.count]) }
        hiddenGradient.fill(0, rows: position..<position + 1)
        hiddenGradient.addTangent(
            position, of: stateGradient, row: row, at: states, row: row,
            length: stateLength, scale: stateScales[row])
    }
}
