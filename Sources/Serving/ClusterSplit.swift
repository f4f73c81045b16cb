internal import Tensors

// R = rows, D = width; a row's bias is one more coordinate, the last

/// Divides some rows in two by k-means, neither side smaller than a quarter.
struct ClusterSplit: ~Copyable {
    /// [R x (D + 1)]
    private var members: Matrix
    /// Lower mean, upper mean, direction from one to the other, and the sum of all, [4 x (D + 1)].
    private var work: Matrix
    /// Squared length of each row, and its product with the direction, [R].
    private var squares: [Float]
    private var projections: [Float]
    /// 1 where a row belongs to the upper side, [R].
    private var upper: [Float]
    private var order: [Int]
    private var sizes = [0, 0]
    private var spreads: [Float] = [0, 0]

    private static let direction = 2
    private static let total = 3
    private static let rounds = 4

    init(rows: Int, columns: Int) {
        members = Matrix(rows: rows, columns: columns + 1)
        work = Matrix(rows: 4, columns: columns + 1)
        squares = [Float](repeating: 0, count: rows)
        projections = squares
        upper = squares
        order = Array(0..<rows)
    }

    /// Reads one of the rows; all of them are read before they are divided.
    mutating func load(_ position: Int, from table: borrowing QuantizedTable, row: Int, biasFactor: Float) {
        members.withMutableRow(position) { table.dequantizeRow(row, into: &$0) }
        members[position, table.columns] = biasFactor * table.bias(ofRow: row)
        squares[position] = members.withRow(position) { dot($0, $0) }
    }

    func isUpper(_ position: Int) -> Bool { upper[position] == 1 }

    /// Side 0 is the lower one.
    func copyMean(_ side: Int, into centroids: inout Matrix, row: Int) {
        for column in 0..<centroids.columns { centroids[row, column] = work[side, column] }
    }

    func biasMean(_ side: Int) -> Float { work[side, work.columns - 1] }

    /// Mean squared distance of a side's rows from their mean.
    func spread(_ side: Int) -> Float { spreads[side] }

    /// Two means from the row that is farthest from the mean of all; then the boundary between them, moved to
    /// where each side has a quarter of the rows.
    mutating func divide() {
        for position in 0..<upper.count { upper[position] = 1 }
        work.fill(0, rows: Self.total..<Self.total + 1)
        Self.addRows(members, weights: upper, into: &work, row: Self.total)
        var boundary = aimAtFarthest()
        for _ in 0..<Self.rounds {
            Self.project(members, on: work, row: Self.direction, into: &projections)
            for position in 0..<upper.count { upper[position] = projections[position] > boundary ? 1 : 0 }
            guard measureSides() else { break }
            boundary = aimBetweenMeans()
        }
        Self.project(members, on: work, row: Self.direction, into: &projections)
        cut(at: boundary)
        _ = measureSides()
        measureSpreads()
    }

    /// Points the direction from the mean of all to the row that is farthest from it; returns the boundary.
    private mutating func aimAtFarthest() -> Float {
        let share = 1 / Float(upper.count)
        for column in 0..<work.columns { work[Self.direction, column] = work[Self.total, column] * share }
        Self.project(members, on: work, row: Self.direction, into: &projections)
        var farthest = 0
        for position in 0..<upper.count
        where squares[position] - 2 * projections[position] > squares[farthest] - 2 * projections[farthest] {
            farthest = position
        }
        var boundary: Float = 0
        for column in 0..<work.columns {
            let mean = work[Self.direction, column]
            work[Self.direction, column] = members[farthest, column] - mean
            boundary += work[Self.direction, column] * mean
        }
        return boundary
    }

    /// The means of both sides; false where one is empty.
    private mutating func measureSides() -> Bool {
        let upperCount = upper.reduce(0) { $0 + Int($1) }
        sizes = [upper.count - upperCount, upperCount]
        guard sizes[0] > 0, sizes[1] > 0 else { return false }
        work.fill(0, rows: 1..<2)
        Self.addRows(members, weights: upper, into: &work, row: 1)
        for column in 0..<work.columns {
            work[0, column] = (work[Self.total, column] - work[1, column]) / Float(sizes[0])
            work[1, column] /= Float(sizes[1])
        }
        return true
    }

    private mutating func aimBetweenMeans() -> Float {
        var boundary: Float = 0
        for column in 0..<work.columns {
            work[Self.direction, column] = work[1, column] - work[0, column]
            boundary += work[Self.direction, column] * (work[1, column] + work[0, column]) / 2
        }
        return boundary
    }

    /// The rows in the order of their projection, ties in their own, are cut at the boundary or near it.
    private mutating func cut(at boundary: Float) {
        let projections = projections
        for position in 0..<order.count { order[position] = position }
        order.sort { projections[$0] != projections[$1] ? projections[$0] < projections[$1] : $0 < $1 }
        let below = order.firstIndex { projections[$0] > boundary } ?? order.count
        let first = min(max(below, order.count / 4), order.count - order.count / 4)
        for (rank, position) in order.enumerated() { upper[position] = rank < first ? 0 : 1 }
    }

    private mutating func measureSpreads() {
        var sums: [Float] = [0, 0]
        for position in 0..<upper.count { sums[Int(upper[position])] += squares[position] }
        for side in 0..<2 {
            let square = work.withRow(side) { dot($0, $0) }
            spreads[side] = max(0, sums[side] / Float(sizes[side]) - square)
        }
    }

    private static func project(_ members: borrowing Matrix, on work: borrowing Matrix, row: Int, into result: inout [Float]) {
        var span = result.mutableSpan
        work.withRow(row) { members.multiply($0, into: &span, accumulating: false) }
    }

    private static func addRows(_ members: borrowing Matrix, weights: [Float], into work: inout Matrix, row: Int) {
        work.withMutableRow(row) { members.multiplyTransposed(weights.span, addingTo: &$0) }
    }
}
