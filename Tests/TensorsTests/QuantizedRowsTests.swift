import Testing

@testable import Tensors

@Suite struct QuantizedRowsTests {
    private static func matrix(_ rows: Int, _ columns: Int) -> Matrix {
        var matrix = Matrix(rows: rows, columns: columns)
        for row in 0..<rows {
            for column in 0..<columns { matrix[row, column] = Float((row * 31 + column * 17 + row * column) % 23 - 11) / 7 }
        }
        return matrix
    }

    @Test(arguments: [1, 15, 16, 17, 64]) func valuesAreWithinHalfAScale(columns: Int) throws {
        let source = Self.matrix(5, columns)
        let rows = QuantizedRows(capacity: 9, columns: columns)
        try rows.store(source, rows: 1..<4, from: 6)
        for row in 1..<4 {
            let largest = (0..<columns).map { abs(source[row, $0]) }.max() ?? 0
            for column in 0..<columns {
                #expect(abs(rows.value(row + 5, column) - source[row, column]) <= largest / 127 * 0.501)
            }
        }
        for column in 0..<columns { #expect(rows.value(5, column) == 0) }
        rows.clear(7..<9)
        #expect((0..<columns).allSatisfy { rows.value(7, $0) == 0 && rows.value(8, $0) == 0 })
        let kept = (0..<columns).map { rows.value(6, $0) }
        #expect(kept.contains { $0 != 0 } || (0..<columns).allSatisfy { source[1, $0] == 0 })
    }

    @Test func whatIsNotFiniteIsRefused() {
        var source = Self.matrix(3, 16)
        source[1, 3] = .infinity
        let rows = QuantizedRows(capacity: 3, columns: 16)
        #expect(throws: TensorError.notFinite(row: 1)) { try Self.store(source, rows) }
        #expect(abs(rows.value(0, 0) - source[0, 0]) < 0.01)
        #expect(rows.value(2, 0) == 0)
    }

    private static func store(_ source: borrowing Matrix, _ rows: borrowing QuantizedRows) throws(TensorError) {
        try rows.store(source, rows: 0..<3, from: 0)
    }

    /// Among rows that int8 holds exactly, attention of one position is that of the last one of a window.
    @Test(arguments: [(1, 1), (1, 7), (2, 20), (1, 50)]) func aPositionAttendsToKeptRows(shape: (heads: Int, count: Int)) throws {
        let (width, count) = (32, shape.count)
        var keys = Matrix(rows: count, columns: width)
        var values = Matrix(rows: count, columns: width)
        for row in 0..<count {
            for column in 0..<width {
                // The largest magnitude of a row is 127 quarters, so that its scale is a quarter.
                keys[row, column] = column == 0 ? 31.75 : Float((row * 7 + column * 5) % 9 - 4) / 4
                values[row, column] = column == 1 ? -31.75 : Float((row * 11 + column * 3) % 13 - 6) / 4
            }
        }
        let queries = Self.matrix(count, width)
        var offsets = Matrix(rows: shape.heads, columns: 64)
        for head in 0..<shape.heads { for column in 0..<64 { offsets[head, column] = Float((column * (3 + head)) % 7) / 5 } }
        var attention = CausalAttention(positionsMax: 64, heads: shape.heads, width: width / shape.heads)
        var whole = Matrix(rows: count, columns: width)
        var next = Matrix(rows: count, columns: width)
        attention.forwardLast(
            queries: queries, keys: keys, values: values, rows: 0..<count, offsets: offsets, into: &whole)

        let keptKeys = QuantizedRows(capacity: 70, columns: width)
        let keptValues = QuantizedRows(capacity: 70, columns: width)
        try keptKeys.store(keys, rows: 0..<count, from: 9)
        try keptValues.store(values, rows: 0..<count, from: 9)
        attention.forwardNext(
            queries: queries, row: count - 1, keys: keptKeys, values: keptValues, rows: 9..<9 + count, offsets: offsets,
            into: &next)
        for column in 0..<width {
            #expect(abs(next[count - 1, column] - whole[count - 1, column]) < 1e-3 * (1 + abs(whole[count - 1, column])))
        }
    }
}
