import Testing

@testable import Tensors

@Suite struct MatrixTests {
    private func counting(rows: Int, columns: Int) -> Matrix {
        var matrix = Matrix(rows: rows, columns: columns)
        for row in 0..<rows { for column in 0..<columns { matrix[row, column] = Float((row * columns + column) % 11) - 5 } }
        return matrix
    }

    @Test(arguments: [(1, 1, 1), (3, 5, 7), (7, 17, 33), (16, 16, 16), (20, 64, 50)])
    func productsAgreeWithTheirDefinition(shape: (m: Int, n: Int, k: Int)) {
        let (m, n, k) = shape
        let a = counting(rows: m, columns: k)
        let b = counting(rows: k, columns: n)
        let bT = counting(rows: n, columns: k)
        var nn = Matrix(rows: m, columns: n)
        var nt = Matrix(rows: m, columns: n)
        var tn = Matrix(rows: k, columns: n)
        let c = counting(rows: m, columns: n)
        nn.fill(1, rows: 0..<m)
        nt.fill(99, rows: 0..<m)
        multiplyNN(a, rows: 0..<m, b, rows: k, into: &nn, accumulating: true)
        multiplyNT(a, rows: 0..<m, bT, rows: n, into: &nt, accumulating: false)
        multiplyTN(a, columns: k, c, rows: m, into: &tn, accumulating: false)
        // Small whole numbers: float sums are exact.
        for i in 0..<m {
            for j in 0..<n {
                var (product, transposed): (Float, Float) = (1, 0)
                for p in 0..<k {
                    product += a[i, p] * b[p, j]
                    transposed += a[i, p] * bT[j, p]
                }
                let results = [nn[i, j], nt[i, j]]
                #expect(results == [product, transposed])
            }
        }
        for p in 0..<k {
            for j in 0..<n {
                var sum: Float = 0
                for i in 0..<m { sum += a[i, p] * c[i, j] }
                let result = tn[p, j]
                #expect(result == sum)
            }
        }
    }

    /// Large enough to be rounded, where the processor does that; below, the bits are those of floats.
    @Test func roundedProductsAreNearAndSmallOnesAreTheSame() {
        for (m, isLarge) in [(7, false), (40, true)] {
            var generator = SeededNumbers(state: UInt64(m))
            var a = Matrix(rows: m, columns: 64)
            var b = Matrix(rows: 64, columns: 48)
            for row in 0..<m { for column in 0..<64 { a[row, column] = generator.next() } }
            for row in 0..<64 { for column in 0..<48 { b[row, column] = generator.next() } }
            var exact = Matrix(rows: m, columns: 48)
            var near = Matrix(rows: m, columns: 48)
            multiplyNN(a, rows: 0..<m, b, rows: 64, into: &exact, accumulating: false)
            multiplyNN(a, rows: 0..<m, b, rows: 64, into: &near, accumulating: false, precision: .rounded)
            for row in 0..<m {
                for column in 0..<48 {
                    let (left, right) = (exact[row, column], near[row, column])
                    #expect(isLarge ? abs(left - right) < 0x1p-7 * 16 : left == right)
                }
            }
        }
    }

    /// Numbers in -1..<1 that are the same in every run.
    private struct SeededNumbers {
        var state: UInt64

        mutating func next() -> Float {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) * 0x1p-23 - 1
        }
    }

    @Test(arguments: [(1, 1), (5, 3), (16, 16), (33, 70)]) func transposedTwiceIsTheSame(shape: (rows: Int, columns: Int)) {
        let a = counting(rows: shape.rows, columns: shape.columns)
        var b = Matrix(rows: shape.columns, columns: shape.rows + 2)
        transpose(a, rows: shape.rows, into: &b)
        for row in 0..<shape.rows {
            for column in 0..<shape.columns {
                let (left, right) = (a[row, column], b[column, row])
                #expect(left == right)
            }
        }
        let rest = b[0, shape.rows + 1]
        #expect(rest == 0)
    }

    @Test func aRangeOfRowsIsMultipliedAlone() {
        let (k, n) = (5, 20)
        let a = counting(rows: 6, columns: k)
        let b = counting(rows: k, columns: n)
        var whole = Matrix(rows: 6, columns: n)
        var part = Matrix(rows: 6, columns: n)
        part.fill(7, rows: 0..<6)
        multiplyNN(a, rows: 0..<6, b, rows: k, into: &whole, accumulating: false)
        multiplyNN(a, rows: 2..<4, b, rows: k, into: &part, accumulating: false)
        for row in 0..<6 {
            for column in 0..<n {
                let (expected, result) = ((2..<4).contains(row) ? whole[row, column] : 7, part[row, column])
                #expect(result == expected)
            }
        }
    }

    @Test func vectorProductsAgreeWithTheirDefinition() {
        let a = counting(rows: 9, columns: 21)
        let x = (0..<21).map { Float($0 % 5) - 2 }
        let w = (0..<9).map { Float($0 % 3) - 1 }
        var y = [Float](repeating: 5, count: 9)
        var z = [Float](repeating: 1, count: 21)
        var ySpan = y.mutableSpan
        a.multiply(x.span, into: &ySpan, accumulating: false)
        var zSpan = z.mutableSpan
        a.multiplyTransposed(w.span, addingTo: &zSpan)
        for row in 0..<9 {
            var sum: Float = 0
            for column in 0..<21 { sum += a[row, column] * x[column] }
            #expect(y[row] == sum)
        }
        for column in 0..<21 {
            var sum: Float = 1
            for row in 0..<9 { sum += a[row, column] * w[row] }
            #expect(z[column] == sum)
        }
        let square = x.reduce(Float(0)) { $0 + $1 * $1 }
        #expect(dot(x.span, x.span) == square)
    }

    @Test func paddingStaysZeroThroughEveryOperation() {
        var a = counting(rows: 4, columns: 5)
        a.fill(3, rows: 1..<3)
        let b = counting(rows: 4, columns: 5)
        a.addRow(1, from: b, row: 0, scale: 2)
        a.copyRow(2, from: b, row: 3)
        var c = Matrix(rows: 4, columns: 5)
        multiplyNN(a, rows: 0..<4, counting(rows: 5, columns: 5), rows: 5, into: &c, accumulating: true)
        for row in 0..<4 {
            for column in 5..<16 {
                let (left, right) = (unsafe a.pointer(row)[column], unsafe c.pointer(row)[column])
                #expect(left == 0 && right == 0)
            }
        }
    }

    @Test func topKKeepsTheFirstOfEquals() {
        var best = TopK(capacity: 3)
        for (index, score) in [(0, Float(1)), (1, 3), (2, 1), (3, 3), (4, 1), (5, -2)] { best.insert(index: index, score: score) }
        let kept = (0..<best.count).map { best.index(at: $0) }
        #expect(kept == [1, 3, 0])
        var threshold = best.threshold
        #expect(threshold == 1)
        best.removeAll(limit: 1)
        threshold = best.threshold
        #expect(threshold == -.infinity)
        best.insert(index: 9, score: -.infinity)
        let count = best.count
        #expect(count == 0)
    }

    @Test func misuseTraps() async {
        await #expect(processExitsWith: .failure) { _ = Matrix(rows: 0, columns: 3) }
        await #expect(processExitsWith: .failure) {
            let matrix = Matrix(rows: 2, columns: 3)
            _ = matrix[2, 0]
        }
        await #expect(processExitsWith: .failure) {
            var matrix = Matrix(rows: 2, columns: 3)
            matrix.copyRow(0, from: Matrix(rows: 1, columns: 4), row: 0)
        }
    }
}
