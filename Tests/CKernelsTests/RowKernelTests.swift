import CKernels
import Testing

/// Optimizer steps on rows, every variant, against Double and with guard pages.
@Suite struct RowKernelTests {
    /// Rows in the order of a step, none twice: more than are asked for ahead.
    private static let rows: [Int32] = [11, 0, 3, 7, 1, 10, 2, 9, 5]
    private static let capacity = 12

    @Test(arguments: Variant.available, awkwardLengths) func rowsAreBroughtBackToLengthOne(variant: Variant, columns: Int) {
        for isAdam in [false, true] {
            let whole = vectorsAfterAStep(variant, columns: columns, isAdam: isAdam, normalizing: false)
            let unit = vectorsAfterAStep(variant, columns: columns, isAdam: isAdam, normalizing: true)
            for row in 0..<Self.capacity {
                let values = whole[row * columns..<(row + 1) * columns].map(Double.init)
                let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
                let scale = Self.rows.contains(Int32(row)) ? 1 / norm : 1
                for column in 0..<columns {
                    #expect(abs(Double(unit[row * columns + column]) - scale * values[column]) < 1e-5)
                }
            }
        }
    }

    private func vectorsAfterAStep(_ variant: Variant, columns: Int, isAdam: Bool, normalizing: Bool) -> [Float] {
        var generator = TestGenerator(state: UInt64(columns) + 23)
        let (count, width, rows) = (Self.rows.count, columns + 1, GuardedBuffer(Self.rows))
        let (vectors, biases) = (GuardedBuffer(generator.floats(Self.capacity * columns)), GuardedBuffer(generator.floats(Self.capacity)))
        let (first, second) = (GuardedBuffer(generator.floats(Self.capacity * width)), GuardedBuffer(generator.floats(Self.capacity * width).map(abs)))
        let (sums, updates) = (GuardedBuffer(generator.floats(Self.capacity).map(abs)), GuardedBuffer(generator.floats(Self.capacity).map(abs)))
        let (slopes, biasSlopes) = (GuardedBuffer(generator.floats(count * columns)), GuardedBuffer(generator.floats(count)))
        var table = kn_row_table(
            vectors: vectors.start, stride: columns, columns: columns, biases: biases.start, normalizing: normalizing)
        var moments = kn_row_moments(first: first.start, second: second.start, stride: width, updates: updates.start)
        var gradients = kn_row_gradients(
            rows: rows.start, vectors: slopes.start, stride: columns, biases: biasSlopes.start, count: count)
        if isAdam {
            variant.rows.adam_rows(&table, &moments, &gradients, 0.01, 0.9, 0.999, 1e-8)
        } else {
            variant.rows.adagrad_rows(&table, sums.start, updates.start, &gradients, 0.75, 0.1, 1e-6)
        }
        return vectors.values
    }

    @Test(arguments: Variant.available, awkwardLengths) func adagradMovesTheRowsThatAreNamed(variant: Variant, columns: Int) {
        var generator = TestGenerator(state: UInt64(columns) + 21)
        let (count, rows) = (Self.rows.count, GuardedBuffer(Self.rows))
        let vectors = GuardedBuffer(generator.floats(Self.capacity * columns))
        let biases = GuardedBuffer(generator.floats(Self.capacity))
        let vectorSums = GuardedBuffer(generator.floats(Self.capacity).map(abs))
        let biasSums = GuardedBuffer(generator.floats(Self.capacity).map(abs))
        let (slopes, biasSlopes) = (GuardedBuffer(generator.floats(count * columns, 2)), GuardedBuffer(generator.floats(count, 2)))
        let before = [vectors, biases, vectorSums, biasSums].map { $0.values.map(Double.init) }
        var table = kn_row_table(vectors: vectors.start, stride: columns, columns: columns, biases: biases.start,
            normalizing: false)
        var gradients = kn_row_gradients(
            rows: rows.start, vectors: slopes.start, stride: columns, biases: biasSlopes.start, count: count)
        variant.rows.adagrad_rows(&table, vectorSums.start, biasSums.start, &gradients, 0.75, 0.1, 1e-6)
        for row in 0..<Self.capacity {
            guard let place = Self.rows.firstIndex(of: Int32(row)) else {
                let found = [vectors.values[row * columns], biases.values[row], vectorSums.values[row], biasSums.values[row]]
                #expect(found.map(Double.init) == [before[0][row * columns], before[1][row], before[2][row], before[3][row]])
                continue
            }
            let slope = (0..<columns).map { Double(slopes.values[place * columns + $0]) }
            let sum = 0.75 * before[2][row] + slope.reduce(0) { $0 + $1 * $1 } / Double(columns)
            #expect(abs(Double(vectorSums.values[row]) - sum) < 1e-5)
            for column in 0..<columns {
                let exact = before[0][row * columns + column] - 0.1 * slope[column] / (sum.squareRoot() + 1e-6)
                #expect(abs(Double(vectors.values[row * columns + column]) - exact) < 1e-6)
            }
            let biasSlope = Double(biasSlopes.values[place])
            let biasSum = 0.75 * before[3][row] + biasSlope * biasSlope
            #expect(abs(Double(biasSums.values[row]) - biasSum) < 1e-5)
            let bias = before[1][row] - 0.1 * biasSlope / (biasSum.squareRoot() + 1e-6)
            #expect(abs(Double(biases.values[row]) - bias) < 1e-6)
        }
    }

    @Test(arguments: Variant.available, awkwardLengths) func adamGoesByEachRowsOwnSteps(variant: Variant, columns: Int) {
        var generator = TestGenerator(state: UInt64(columns) + 22)
        let (count, width, rows) = (Self.rows.count, columns + 1, GuardedBuffer(Self.rows))
        let (vectors, biases) = (GuardedBuffer(generator.floats(Self.capacity * columns)), GuardedBuffer(generator.floats(Self.capacity)))
        let (first, second) = (GuardedBuffer(generator.floats(Self.capacity * width)), GuardedBuffer(generator.floats(Self.capacity * width).map(abs)))
        let updates = GuardedBuffer((0..<Self.capacity).map { Float($0) })
        let (slopes, biasSlopes) = (GuardedBuffer(generator.floats(count * columns)), GuardedBuffer(generator.floats(count)))
        let (w, b, m, v) = (vectors.values, biases.values, first.values, second.values)
        var table = kn_row_table(vectors: vectors.start, stride: columns, columns: columns, biases: biases.start,
            normalizing: false)
        var moments = kn_row_moments(first: first.start, second: second.start, stride: width, updates: updates.start)
        var gradients = kn_row_gradients(
            rows: rows.start, vectors: slopes.start, stride: columns, biases: biasSlopes.start, count: count)
        variant.rows.adam_rows(&table, &moments, &gradients, 0.01, 0.9, 0.999, 1e-8)
        for row in 0..<Self.capacity {
            guard let place = Self.rows.firstIndex(of: Int32(row)) else {
                #expect(updates.values[row] == Float(row) && vectors.values[row * columns] == w[row * columns])
                continue
            }
            #expect(updates.values[row] == Float(row + 1))
            let (keep1, keep2) = (Double(Float(0.9)), Double(Float(0.999)))
            let steps = (1...row + 1).reduce((1.0, 1.0)) { powers, _ in (powers.0 * keep1, powers.1 * keep2) }
            for column in 0...columns {
                let isBias = column == columns
                let slope = Double(isBias ? biasSlopes.values[place] : slopes.values[place * columns + column])
                let mean = keep1 * Double(m[row * width + column]) + (1 - keep1) * slope
                let square = keep2 * Double(v[row * width + column]) + (1 - keep2) * slope * slope
                let deviation = (square / (1 - steps.1)).squareRoot() + 1e-8
                let move = 0.01 * mean / (1 - steps.0) / deviation
                let (start, end) = isBias ? (b[row], biases.values[row]) : (w[row * columns + column], vectors.values[row * columns + column])
                let exact = Double(start) - move
                #expect(abs(Double(end) - exact) < 1e-5 + 2e-4 * abs(move))
            }
        }
    }
}
