import Testing

@testable import Tensors

@Suite struct QuantizedTableTests {
    /// A matrix of numbers that are the same in every run.
    private func matrix(rows: Int, columns: Int, seed: UInt64) -> Matrix {
        var state = seed
        var matrix = Matrix(rows: rows, columns: columns)
        for row in 0..<rows {
            for column in 0..<columns {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                matrix[row, column] = Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31
            }
        }
        return matrix
    }

    @Test(arguments: [1, 3, 16, 17, 64, 70]) func aValueIsWithinHalfOfItsRowsScale(columns: Int) throws {
        let source = matrix(rows: 5, columns: columns, seed: 1)
        var table = QuantizedTable(capacity: 5, columns: columns)
        for row in 0..<5 {
            try table.setRow(row, from: source, sourceRow: row, bias: 0)
            var back = [Float](repeating: .nan, count: columns)
            var span = back.mutableSpan
            table.dequantizeRow(row, into: &span)
            let largest = (0..<columns).map { abs(source[row, $0]) }.max() ?? 0
            for column in 0..<columns { #expect(abs(back[column] - source[row, column]) <= largest / 127 * 0.50002) }
        }
    }

    @Test(arguments: [1, 5, 64, 70]) func allRowsAtOnceAreTheRowsOneByOne(columns: Int) throws {
        let source = matrix(rows: 48, columns: columns, seed: 3)
        let biases = matrix(rows: 1, columns: 48, seed: 4)
        var alone = QuantizedTable(capacity: 48, columns: columns)
        var together = QuantizedTable(capacity: 48, columns: columns)
        for row in 0..<48 { try alone.setRow(row, from: source, sourceRow: row, bias: biases[0, row]) }
        try together.setRows(from: source, biases: biases)
        let count = together.count
        #expect(count == 48)
        for row in 0..<48 {
            let (expected, result) = (values(of: row, in: alone), values(of: row, in: together))
            #expect(result == expected)
        }
    }

    /// What a row holds, its scale, and its bias.
    private func values(of row: Int, in table: borrowing QuantizedTable) -> [Float] {
        var values = [Float](repeating: .nan, count: table.columns)
        var span = values.mutableSpan
        table.dequantizeRow(row, into: &span)
        return values + [table.scale(ofRow: row), table.bias(ofRow: row)]
    }

    @Test func aRowThatIsNotFiniteIsNamedAmongAll() {
        var source = matrix(rows: 32, columns: 8, seed: 3)
        var biases = Matrix(rows: 1, columns: 32)
        var table = QuantizedTable(capacity: 32, columns: 8)
        biases[0, 30] = .infinity
        var refused: [TensorError] = []
        do throws(TensorError) { try table.setRows(from: source, biases: biases) } catch { refused.append(error) }
        source[21, 3] = .nan
        do throws(TensorError) { try table.setRows(from: source, biases: biases) } catch { refused.append(error) }
        #expect(refused == [.notFinite(row: 30), .notFinite(row: 21)])
    }

    private func everyScore(
        _ table: borrowing QuantizedTable, _ queries: borrowing QuantizedQueries, _ slot: Int
    ) -> [Float] {
        let rows = [Int32](0..<Int32(table.count))
        var scores = [Float](repeating: 0, count: rows.count)
        var target = scores.mutableSpan
        table.scores(of: rows.span, queries, slot, into: &target)
        return scores
    }

    /// A long list of a large table begins above what a sample of the rows makes sure of.
    @Test(arguments: [0, 1, 7, 63]) func aSampleThatHoldsTheBestMisleadsNobody(bestBlock: Int) throws {
        let (rows, columns, limit) = (6000, 16, 60)
        var source = matrix(rows: rows + 3, columns: columns, seed: 9)
        // The best are in the same few blocks of every 64, where the sample may or may not look.
        for row in 0..<rows where row / 16 % 64 == bestBlock { for column in 0..<columns { source[row, column] *= 40 } }
        var table = QuantizedTable(capacity: rows, columns: columns)
        for row in 0..<rows { try table.setRow(row, from: source, sourceRow: row, bias: 0) }
        var queries = QuantizedQueries(capacity: 3, columns: columns)
        try queries.quantize(source, rows: rows..<rows + 3)
        var best = [TopK](repeating: TopK(capacity: limit), count: 3)
        table.topK(queries, count: 3, into: &best)
        for slot in 0..<3 {
            let scores = everyScore(table, queries, slot)
            let order = scores.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
            #expect((0..<best[slot].count).map { best[slot].index(at: $0) } == Array(order.prefix(limit)))
        }
    }

    @Test(arguments: [(1, 1, 1), (15, 7, 3), (16, 64, 20), (17, 64, 20), (1000, 33, 20), (2500, 64, 7), (40, 64, 100), (5000, 33, 60), (9001, 64, 100)])
    func topKIsTheWholeRankingCutShort(shape: (rows: Int, columns: Int, count: Int)) throws {
        let source = matrix(rows: shape.rows + 1, columns: shape.columns, seed: 7)
        var table = QuantizedTable(capacity: shape.rows + 9, columns: shape.columns)
        // Every tenth row repeats another one: equal scores go to the lower row.
        for row in 0..<shape.rows {
            try table.setRow(row, from: source, sourceRow: row % 10 == 9 ? row - 4 : row, bias: 0)
        }
        var query = QuantizedQueries(capacity: 1, columns: shape.columns)
        try query.quantize(source, row: shape.rows, into: 0)
        var best = [TopK(capacity: 100)]
        best[0].removeAll(limit: shape.count)
        table.topK(query, count: 1, into: &best)

        var ranked: [(row: Int, score: Float)] = []
        for row in 0..<shape.rows { ranked.append((row, definition(of: row, in: table, source, query))) }
        ranked.sort { $0.score != $1.score ? $0.score > $1.score : $0.row < $1.row }
        let expected = ranked.prefix(shape.count)
        #expect(best[0].count == expected.count)
        for (place, entry) in expected.enumerated() where place < best[0].count {
            #expect(best[0].index(at: place) == entry.row)
            #expect(best[0].score(at: place) == entry.score)
        }
    }

    /// The score of a row as CKernels.h defines it, from whole numbers.
    private func definition(
        of row: Int, in table: borrowing QuantizedTable, _ source: borrowing Matrix, _ query: borrowing QuantizedQueries
    ) -> Float {
        let sourceRow = row % 10 == 9 ? row - 4 : row
        let magnitude = (0..<table.columns).map { abs(source[sourceRow, $0]) }.max() ?? 0
        let scale = magnitude < 1e-30 ? 1 : magnitude / 127
        var values = [Float](repeating: 0, count: table.columns)
        var span = values.mutableSpan
        table.dequantizeRow(row, into: &span)
        var sum = 0
        for column in 0..<table.columns {
            sum += Int((values[column] / scale).rounded()) * Int(query.value(0, column))
        }
        return Float(sum) * scale * query.scale(0)
    }

    @Test func scoresAreTheFloatProductsWithinTheQuantizationBound() throws {
        let source = matrix(rows: 33, columns: 48, seed: 5)
        var table = QuantizedTable(capacity: 32, columns: 48)
        for row in 0..<32 { try table.setRow(row, from: source, sourceRow: row, bias: Float(row)) }
        var query = QuantizedQueries(capacity: 1, columns: 48)
        try query.quantize(source, row: 32, into: 0)
        var scores = [Float](repeating: 0, count: 32)
        var span = scores.mutableSpan
        table.scores(query, 0, into: &span)
        for row in 0..<32 {
            let exact = (0..<48).reduce(Double(row)) { $0 + Double(source[row, $1]) * Double(source[32, $1]) }
            // Each factor is off by at most half a step of 1/127.
            let budget: Double = 48 * 1.01 / 127
            let distance = abs(Double(scores[row]) - exact)
            #expect(distance < budget)
        }
    }

    @Test func whatIsNotFiniteIsRefusedAndChangesNothing() throws {
        var source = matrix(rows: 2, columns: 8, seed: 3)
        var table = QuantizedTable(capacity: 2, columns: 8)
        try table.setRow(0, from: source, sourceRow: 0, bias: 0)
        var before = [Float](repeating: 0, count: 8)
        var span = before.mutableSpan
        table.dequantizeRow(0, into: &span)
        for bad in [Float.nan, .infinity, -.infinity] {
            source[1, 7] = bad
            #expect(refusal { () throws(TensorError) in try table.setRow(0, from: source, sourceRow: 1, bias: 0) } == .notFinite(row: 0))
            #expect(refusal { () throws(TensorError) in try table.setRow(0, from: source, sourceRow: 0, bias: bad) } == .notFinite(row: 0))
            var query = QuantizedQueries(capacity: 1, columns: 8)
            #expect(refusal { () throws(TensorError) in try query.quantize(source, row: 1, into: 0) } == .notFinite(row: 1))
        }
        var after = [Float](repeating: 0, count: 8)
        var afterSpan = after.mutableSpan
        table.dequantizeRow(0, into: &afterSpan)
        #expect(after == before)
    }

    private func refusal(_ body: () throws(TensorError) -> Void) -> TensorError? {
        do throws(TensorError) { try body() } catch { return error }
        return nil
    }

    @Test func aRowOfZerosScoresItsBiasAndARemovedRowNothing() throws {
        let source = Matrix(rows: 1, columns: 16)
        var table = QuantizedTable(capacity: 40, columns: 16)
        for row in 0..<20 { try table.setRow(row, from: source, sourceRow: 0, bias: Float(row)) }
        table.removeRow(19)
        var query = QuantizedQueries(capacity: 1, columns: 16)
        try query.quantize(source, row: 0, into: 0)
        var best = [TopK(capacity: 30)]
        table.topK(query, count: 1, into: &best)
        // Rows 20 to 31 stand in an open block, and nobody has set them.
        #expect(best[0].count == 19)
        #expect(best[0].index(at: 0) == 18)
        #expect(best[0].score(at: 0) == 18)
        try table.setRow(19, from: source, sourceRow: 0, bias: 7)
        best[0].removeAll(limit: 30)
        table.topK(query, count: 1, into: &best)
        #expect(best[0].count == 20)
    }

    @Test func everyInstructionSetGivesTheSameList() async {
        // In a process of its own: the choice is the whole process's.
        await #expect(processExitsWith: .success) {
            var source = Matrix(rows: 301, columns: 64)
            var state: UInt64 = 1
            for row in 0..<301 {
                for column in 0..<64 {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    source[row, column] = Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31
                }
            }
            var lists: [[Int]] = []
            for set in InstructionSet.available {
                precondition(InstructionSet.select(set) && InstructionSet.current == set, "\(set) is in use")
                var table = QuantizedTable(capacity: 300, columns: 64)
                for row in 0..<300 { try table.setRow(row, from: source, sourceRow: row, bias: 0) }
                var query = QuantizedQueries(capacity: 1, columns: 64)
                try query.quantize(source, row: 300, into: 0)
                var best = [TopK(capacity: 20)]
                table.topK(query, count: 1, into: &best)
                lists.append((0..<20).map { best[0].index(at: $0) })
            }
            precondition(lists.allSatisfy { $0 == lists[0] }, "one list on every instruction set")
        }
    }
}
