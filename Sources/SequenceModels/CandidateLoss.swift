public import Tensors

// P = positions of a batch, B = positions of a block, C = candidates, D = hidden width

/// Any loss, and any score, over a step's candidates: negatives that all positions share, every item, or none but
/// the target. `SampledSoftmax` is the same for its one loss, and faster.
///
/// The score of item j after hidden state h is h·Eⱼ + bⱼ; with a temperature T it is h·Eⱼ / (|h| |Eⱼ| T) + bⱼ, which
/// is bounded whatever is learned.
public struct CandidateLoss: ~Copyable {
    private let loss: Loss
    private let temperature: Float?
    /// The candidates of the step, and where they stand.
    private var items: [ItemIndex] = []
    private var columns: NegativeColumns
    /// Their vectors, of length one where there is a temperature, [C x D].
    private var vectors: Matrix
    /// 1 / |E|, or 1 without a temperature.
    private var vectorInverses: [Float]
    /// What is added to a candidate's score whatever the state.
    ///
    /// [1 x (C + 1)], 0 beyond the candidates.
    private var offsets: Matrix
    private var vectorGradient: Matrix
    /// [1 x (C + 1)]; what stands beyond the candidates is no gradient of theirs.
    private var biasGradient: Matrix

    /// What a candidate's vector is multiplied with: h, or h / (|h| T), [B x D].
    private var states: Matrix
    private var stateInverses: [Float]
    /// dL/d(state), the target's part left out, [B x D].
    private var stateGradient: Matrix
    /// As `vectors`, of each position's target, [B x D].
    private var targets: Matrix
    private var targetInverses: [Float]
    /// Scores, then their gradient, [B x (C + 1)].
    private var scores: Matrix
    /// dL/dE of one target, [1 x D].
    private var targetGradient: Matrix
    /// dL/dh, [P x D].
    public internal(set) var hiddenGradient: Matrix

    public let positionsMax: Int
    public let candidatesMax: Int

    /// Positions that are scored together: what bounds the scores' memory.
    private static let blockMax = 64
    /// - Parameter candidatesMax: the negatives of a step, or for a full softmax the most items there will be.
    public init(_ loss: Loss, temperature: Float?, positionsMax: Int, candidatesMax: Int, dimensions: Int) {
        self.loss = loss
        self.temperature = temperature
        self.positionsMax = positionsMax
        self.candidatesMax = candidatesMax
        columns = NegativeColumns(count: loss == .fullSoftmax ? 0 : candidatesMax)
        vectors = Matrix(rows: candidatesMax, columns: dimensions)
        vectorInverses = [Float](repeating: 1, count: candidatesMax)
        offsets = Matrix(rows: 1, columns: candidatesMax + 1)
        vectorGradient = Matrix(rows: candidatesMax, columns: dimensions)
        biasGradient = Matrix(rows: 1, columns: candidatesMax + 1)
        states = Matrix(rows: Self.blockMax, columns: dimensions)
        stateInverses = [Float](repeating: 1, count: Self.blockMax)
        stateGradient = Matrix(rows: Self.blockMax, columns: dimensions)
        targets = Matrix(rows: Self.blockMax, columns: dimensions)
        targetInverses = [Float](repeating: 1, count: Self.blockMax)
        scores = Matrix(rows: Self.blockMax, columns: candidatesMax + 1)
        targetGradient = Matrix(rows: 1, columns: dimensions)
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
            if temperature != nil {
                vectorGradient.takeTangent(row, at: vectors, row: row, squaredLength: 1, scale: vectorInverses[row])
            }
            rows.add(item, from: vectorGradient, row: row, scale: 1)
            rows.addBias(item, biasGradient[0, row])
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
            vectorInverses[row] = vectors.take(row, of: table.vectors, row: Int(item), normalizing: temperature != nil)
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
            stateInverses[row] = states.take(row, of: hidden, row: position, normalizing: temperature != nil)
            if let temperature { states.scaleRow(row, by: 1 / temperature) }
        }
        multiplyNT(states, rows: 0..<block.count, vectors, rows: items.count, into: &scores, accumulating: false)
        for position in block {
            let (row, target) = (position - block.lowerBound, batch.targets[position])
            scores.addRow(row, from: offsets, row: 0, scale: 1)
            guard loss != .fullSoftmax else { continue }
            // A negative that is the target would push against it.
            columns.add(-.infinity, to: &scores, row: row, of: target)
            targetInverses[row] = targets.take(row, of: table.vectors, row: Int(target), normalizing: temperature != nil)
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
        for position in block {
            let (row, target) = (position - block.lowerBound, batch.targets[position])
            head.beginGradient(position)
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
        rows.addBias(target, slope)
        targetGradient.copyRow(0, from: states, row: row)
        if temperature != nil {
            targetGradient.takeTangent(0, at: targets, row: row, squaredLength: 1, scale: targetInverses[row])
        }
        rows.add(target, from: targetGradient, row: 0, scale: slope)
    }

    private mutating func propagateState(_ row: Int, _ position: Int) {
        hiddenGradient.copyRow(position, from: stateGradient, row: row)
        if loss != .fullSoftmax { hiddenGradient.addRow(position, from: targets, row: row, scale: scores[row, items.count]) }
        if let temperature {
            let squaredLength = 1 / (temperature * temperature)
            hiddenGradient.takeTangent(
                position, at: states, row: row, squaredLength: squaredLength, scale: stateInverses[row] / temperature)
        }
    }
}

extension Matrix {
    /// Takes over a row, brought to length one where asked.
    ///
    /// - Returns: what it was multiplied with.
    fileprivate mutating func take(
        _ row: Int, of source: borrowing Matrix, row sourceRow: Int, normalizing: Bool
    ) -> Float {
        copyRow(row, from: source, row: sourceRow)
        return normalizing ? normalizeRow(row) : 1
    }

    /// row = scale · (row less its part along a direction)
    ///
    /// - Parameter squaredLength: of the direction.
    fileprivate mutating func takeTangent(
        _ row: Int, at directions: borrowing Matrix, row directionRow: Int, squaredLength: Float, scale: Float
    ) {
        let along = withRow(row) { values in directions.withRow(directionRow) { dot(values, $0) } }
        addRow(row, from: directions, row: directionRow, scale: -along / squaredLength)
        scaleRow(row, by: scale)
    }
}

extension Matrix {
    /// Brings a row to length one; one of zeros stays.
    ///
    /// - Returns: what it was multiplied with.
    @discardableResult
    public mutating func normalizeRow(_ row: Int) -> Float {
        let inverse = 1 / max(withRow(row) { dot($0, $0) }.squareRoot(), smallestNorm)
        scaleRow(row, by: inverse)
        return inverse
    }
}

/// As in PyTorch's `normalize`.
private let smallestNorm: Float = 1e-12
