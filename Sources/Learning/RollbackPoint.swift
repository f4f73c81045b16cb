internal import SequenceModels
internal import Tensors

// V = item count, D = hidden width

/// A learner's parameters as they were when they last proved good, and the way back to them.
///
/// Dense tensors are copied whole; of the item rows only those that have changed since, each as its first
/// change comes: a point costs what is learned after it, at most a second table.
struct RollbackPoint: ~Copyable {
    /// [V x D], the saved rows one after another.
    private var vectors: Matrix
    /// [V x 3]: bias, vector accumulator, bias accumulator.
    private var scalars: Matrix
    private(set) var items: [ItemIndex] = []
    /// For each item, the point at which its row was saved last.
    private var savedAt: [UInt32] = []
    /// For each item, its place among the saved rows, where it was saved at this point.
    private var places: [UInt32] = []
    /// Grows with every point.
    private(set) var point: UInt32 = 1
    /// Every tensor with its moments, in the encoder's order.
    private(set) var dense: [[Float]] = []
    private(set) var optimizerStep = 0

    init(itemsMax: Int, dimensions: Int) {
        vectors = Matrix(rows: itemsMax, columns: dimensions)
        scalars = Matrix(rows: itemsMax, columns: 3)
    }

    /// The learner is good as it is now.
    mutating func mark(_ encoder: any SequenceEncoder, _ optimizer: DenseOptimizer) {
        point += 1
        items.removeAll(keepingCapacity: true)
        var place = 0
        encoder.forEachParameter { parameter in
            keep(parameter.value, at: place)
            keep(parameter.firstMoment, at: place + 1)
            keep(parameter.secondMoment, at: place + 2)
            place += 3
        }
        optimizerStep = optimizer.step
    }

    /// Keeps a tensor, in the memory of the point before unless a checkpoint still has that.
    private mutating func keep(_ matrix: borrowing Matrix, at place: Int) {
        if place == dense.count { dense.append([]) }
        dense[place].removeAll(keepingCapacity: true)
        dense[place].reserveCapacity(matrix.rows * matrix.columns)
        for row in 0..<matrix.rows {
            matrix.withRow(row) { row in for column in row.indices { dense[place].append(row[column]) } }
        }
    }

    /// Keeps a row that is about to change, where this point has not kept it yet.
    mutating func save(_ item: ItemIndex, of table: borrowing EmbeddingTable) {
        let row = Int(item)
        guard place(of: item) == nil else { return }
        write(row, of: table, to: makePlace(for: item, savedAt: point))
    }

    /// Where the row of an item is kept; nil where it has not changed since the point.
    func place(of item: ItemIndex) -> Int? {
        let row = Int(item)
        return row < savedAt.count && savedAt[row] == point ? Int(places[row]) : nil
    }

    private mutating func makePlace(for item: ItemIndex, savedAt point: UInt32) -> Int {
        let row = Int(item)
        while savedAt.count <= row {
            savedAt.append(0)
            places.append(0)
        }
        let place = items.count
        savedAt[row] = point
        places[row] = UInt32(place)
        items.append(item)
        return place
    }

    /// Keeps a row that now stands for another item, in place of what was kept of the one before.
    mutating func replace(_ item: ItemIndex, of table: borrowing EmbeddingTable) {
        if let place = place(of: item) { write(Int(item), of: table, to: place) }
    }

    private mutating func write(_ row: Int, of table: borrowing EmbeddingTable, to place: Int) {
        vectors.copyRow(place, from: table.vectors, row: row)
        scalars[place, 0] = table.biases[0, row]
        scalars[place, 1] = table.vectorAccumulators[0, row]
        scalars[place, 2] = table.biasAccumulators[0, row]
    }

    /// Puts everything back. The point stays: what is learned next can be taken back again.
    ///
    /// - Returns: the rows that were put back.
    mutating func restore(
        _ table: inout EmbeddingTable, _ encoder: any SequenceEncoder, _ optimizer: inout DenseOptimizer
    ) -> [ItemIndex] {
        for (place, item) in items.enumerated() {
            let row = Int(item)
            table.vectors.copyRow(row, from: vectors, row: place)
            table.biases[0, row] = scalars[place, 0]
            table.vectorAccumulators[0, row] = scalars[place, 1]
            table.biasAccumulators[0, row] = scalars[place, 2]
            // What the optimizer remembers led away from here.
            table.forgetMoments(of: item)
        }
        var next = dense.makeIterator()
        encoder.forEachParameter { parameter in
            if let values = next.next() { Self.take(values, into: &parameter.value) }
            if let values = next.next() { Self.take(values, into: &parameter.firstMoment) }
            if let values = next.next() { Self.take(values, into: &parameter.secondMoment) }
        }
        optimizer.step = optimizerStep
        let restored = items
        point += 1
        items.removeAll(keepingCapacity: true)
        return restored
    }

    /// Reads a kept row: vector [D], then bias and both accumulators.
    func withRow(_ place: Int, _ body: (Span<Float>, Span<Float>) -> Void) {
        vectors.withRow(place) { vector in scalars.withRow(place) { body(vector, $0) } }
    }

    /// Goes on from what a checkpoint kept of a row, as it was saved at `point`. The point itself comes after
    /// all rows: those of an earlier one are dropped then.
    mutating func restore(_ item: ItemIndex, savedAt point: UInt32, vector: [Float], scalars: [Float]) {
        write(vector, scalars, to: makePlace(for: item, savedAt: point))
    }

    /// Goes on from what a checkpoint kept of the point itself.
    ///
    /// - Returns: false where the tensors are of another shape.
    mutating func restore(point: UInt32, dense kept: [[Float]], optimizerStep: Int) -> Bool {
        guard kept.map(\.count) == dense.map(\.count) else { return false }
        (self.point, dense, self.optimizerStep) = (point, kept, optimizerStep)
        let restored = items
        items.removeAll(keepingCapacity: true)
        for (place, item) in restored.enumerated() where savedAt[Int(item)] == point {
            let (vector, scalars) = (Self.values(vectors, row: place), Self.values(self.scalars, row: place))
            write(vector, scalars, to: makePlace(for: item, savedAt: point))
        }
        return true
    }

    private mutating func write(_ vector: [Float], _ kept: [Float], to place: Int) {
        vectors.withMutableRow(place) { row in for column in 0..<row.count { row[column] = vector[column] } }
        scalars.withMutableRow(place) { row in for column in 0..<row.count { row[column] = kept[column] } }
    }

    private static func values(_ matrix: borrowing Matrix, row: Int) -> [Float] {
        matrix.withRow(row) { row in row.indices.map { row[$0] } }
    }

    private static func take(_ values: [Float], into matrix: inout Matrix) {
        let columns = matrix.columns
        for row in 0..<matrix.rows {
            matrix.withMutableRow(row) { target in
                for column in 0..<columns { target[column] = values[row * columns + column] }
            }
        }
    }
}
