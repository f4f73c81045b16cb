internal import Foundation
internal import Tensors

// D = hidden width

extension EmbeddingTable {
    /// Begins to remember what `optimizer` needs beside Adagrad's accumulators.
    public mutating func prepare(for optimizer: RowOptimizer) {
        moments = optimizer.kind == .adagrad ? nil : RowMoments(capacity: capacity, dimensions: dimensions)
    }

    /// One step of `optimizer` on every row that `gradients` touched. The table is prepared for it.
    ///
    /// - Parameter normalizing: the rows are brought back to length one.
    public mutating func apply(
        _ gradients: borrowing RowGradients, _ optimizer: RowOptimizer, rate: Float, epsilon: Float,
        normalizing: Bool = false
    ) {
        switch optimizer.kind {
        case .adagrad:
            // What is summed up of a touched row, less what time has taken of it (Adadelta's idea, Zeiler 2012, with
            // Adagrad's units): a row that is learned for ever keeps a rate that it can follow drift with.
            let decay = optimizer.halfLife > 0 ? exp2(-1 / optimizer.halfLife) : 1
            applyAdagrad(gradients, rate: rate, epsilon: epsilon, decay: decay, normalizing: normalizing)
        case .adam:
            applyAdam(gradients, rate: rate, normalizing: normalizing)
        case .sgd:
            applyMomentum(gradients, rate: rate, momentum: optimizer.momentum)
            if normalizing { normalizeRows(gradients) }
        }
    }

    /// Brings a row to length one, unless the square of its length is within `tolerance` of that.
    public mutating func normalizeRow(_ item: ItemIndex, tolerance: Float) {
        let square = vectors.withRow(Int(item)) { dot($0, $0) }
        if abs(square - 1) > tolerance { vectors.normalizeRow(Int(item)) }
    }

    /// What is remembered of a row beside the accumulators.
    public func moments(of item: ItemIndex) -> [Float]? {
        moments?.values(ofRow: Int(item))
    }

    public mutating func restoreMoments(_ values: [Float], of item: ItemIndex) {
        moments?.restore(values, row: Int(item))
    }

    public mutating func forgetMoments(of item: ItemIndex) { moments?.clear(Int(item)) }

    /// The corrections of a row's moments go by its own steps: a new item's first step is as large as any
    /// item's, however long the stream is.
    private mutating func applyAdam(_ gradients: borrowing RowGradients, rate: Float, normalizing: Bool) {
        guard var moments = moments.take() else { preconditionFailure("the table is prepared for the optimizer") }
        gradients.withRows { rows, slopes, biasSlopes in
            adamUpdate(
                vectors: &vectors, biases: &biases, first: &moments.first, second: &moments.second,
                updates: &moments.updates, rows: rows, gradients: slopes, biasGradients: biasSlopes, rate: rate,
                constants: DenseOptimizer.adam, normalizing: normalizing)
        }
        self.moments = consume moments
    }

    private mutating func applyMomentum(_ gradients: borrowing RowGradients, rate: Float, momentum: Float) {
        for slot in 0..<gradients.count {
            let row = Int(gradients.item(at: slot))
            for column in 0...dimensions {
                let speed = momentum * (moments?.first[row, column] ?? 0) + gradient(gradients, slot, column)
                moments?.first[row, column] = speed
                move(row, column, by: -rate * speed)
            }
        }
    }

    private mutating func normalizeRows(_ gradients: borrowing RowGradients) {
        for slot in 0..<gradients.count { vectors.normalizeRow(Int(gradients.item(at: slot))) }
    }

    /// The bias stands after the vector.
    private func gradient(_ gradients: borrowing RowGradients, _ slot: Int, _ column: Int) -> Float {
        column == dimensions ? gradients.bias(at: slot) : gradients.withVector(at: slot) { $0[column] }
    }

    private mutating func move(_ row: Int, _ column: Int, by step: Float) {
        if column == dimensions { biases[0, row] += step } else { vectors[row, column] += step }
    }
}
