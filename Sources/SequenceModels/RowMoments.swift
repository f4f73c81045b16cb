public import Tensors

// V = item count, D = hidden width

/// What Adam and momentum remember of each item row, its bias in the last column; Adagrad needs none of it.
public struct RowMoments: ~Copyable {
    /// Running mean of the gradient, or momentum, [capacity x (D + 1)].
    public internal(set) var first: Matrix
    /// Running mean of its square, [capacity x (D + 1)].
    public internal(set) var second: Matrix
    /// Updates of each row, [1 x capacity].
    public internal(set) var updates: Matrix

    init(capacity: Int, dimensions: Int) {
        first = Matrix(rows: capacity, columns: dimensions + 1)
        second = Matrix(rows: capacity, columns: dimensions + 1)
        updates = Matrix(rows: 1, columns: capacity)
    }

    /// Forgets a row.
    mutating func clear(_ row: Int) {
        first.fill(0, rows: row..<row + 1)
        second.fill(0, rows: row..<row + 1)
        updates[0, row] = 0
    }

    /// Everything that is remembered of a row, 2 (D + 1) + 1 numbers.
    public func values(ofRow row: Int) -> [Float] {
        var values: [Float] = []
        values.reserveCapacity(Self.count(dimensions: first.columns - 1))
        first.withRow(row) { for column in 0..<$0.count { values.append($0[column]) } }
        second.withRow(row) { for column in 0..<$0.count { values.append($0[column]) } }
        values.append(updates[0, row])
        return values
    }

    /// Goes on from ``values(ofRow:)``.
    public mutating func restore(_ values: [Float], row: Int) {
        let width = first.columns
        precondition(values.count == Self.count(dimensions: width - 1), "a value for every place")
        for column in 0..<width {
            first[row, column] = values[column]
            second[row, column] = values[width + column]
        }
        updates[0, row] = values[2 * width]
    }

    public static func count(dimensions: Int) -> Int { 2 * (dimensions + 1) + 1 }
}
