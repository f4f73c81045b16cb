import CKernels
import Testing

/// The packed int8 table: every variant gives the bits of the plain one, which gives the exact integers.
@Suite struct PackedKernelTests {
    private final class Table {
        /// [blocks x groups x 64], as they stand in the blocks.
        let weights: [UInt8]
        let scales: [Float]
        let biases: [Float]
        let memory: GuardedBuffer<UInt8>
        let queries: [GuardedBuffer<Int8>]
        let blocks: Int
        let groups: Int

        init(blocks: Int, groups: Int, seed: UInt64, isExtreme: Bool) {
            var generator = TestGenerator(state: seed)
            let rows = blocks * Int(KN_BLOCK_ROWS)
            let width = groups * Int(KN_GROUP_COLUMNS)
            weights = (0..<rows * width).map { _ -> UInt8 in
                let draw = generator.next()
                return isExtreme ? (draw & 1 == 0 ? 255 : 0) : UInt8(truncatingIfNeeded: draw >> 20)
            }
            queries = (0..<Int(KN_QUERIES_MAX)).map { _ in
                GuardedBuffer((0..<width).map { _ -> Int8 in
                    let draw = generator.next()
                    return isExtreme ? (draw & 1 == 0 ? 127 : -127) : Int8(clamping: Int(draw >> 20 & 255) - 127)
                })
            }
            scales = generator.floats(rows).map { abs($0) + 0.001 }
            var offsets = generator.floats(rows)
            offsets[rows / 2] = -.infinity
            biases = offsets
            memory = GuardedBuffer(Self.blocks(weights, scales, biases, blockBytes: groups * Int(KN_GROUP_BYTES)))
            self.blocks = blocks
            self.groups = groups
        }

        /// Blocks whose rows are all the same.
        static func filled(with value: UInt8, blocks: Int, groups: Int) -> GuardedBuffer<UInt8> {
            let rows = blocks * Int(KN_BLOCK_ROWS)
            return GuardedBuffer(Self.blocks(
                [UInt8](repeating: value, count: rows * groups * Int(KN_GROUP_COLUMNS)),
                [Float](repeating: 0.5, count: rows), [Float](repeating: 1, count: rows),
                blockBytes: groups * Int(KN_GROUP_BYTES)))
        }

        /// Each block's values, then its scales, then its biases.
        private static func blocks(_ weights: [UInt8], _ scales: [Float], _ biases: [Float], blockBytes: Int) -> [UInt8] {
            var bytes: [UInt8] = []
            for block in 0..<weights.count / blockBytes {
                bytes += weights[block * blockBytes..<(block + 1) * blockBytes]
                let rows = block * Int(KN_BLOCK_ROWS)..<(block + 1) * Int(KN_BLOCK_ROWS)
                for value in scales[rows] + biases[rows] { withUnsafeBytes(of: value) { bytes += $0 } }
            }
            return bytes
        }

        static func row(of place: Int, groups: Int) -> Int {
            let blockBytes = groups * Int(KN_BLOCK_ROWS * KN_GROUP_COLUMNS)
            let inGroup = place % blockBytes % Int(KN_BLOCK_ROWS * KN_GROUP_COLUMNS)
            return place / blockBytes * Int(KN_BLOCK_ROWS) + inGroup / Int(KN_GROUP_COLUMNS)
        }

        var table: kn_packed_table {
            kn_packed_table(blocks: memory.start, groups: groups, names: nil)
        }

        func query(_ place: Int) -> kn_packed_query {
            let sum = queries[place].values.reduce(Int32(0)) { $0 + Int32($1) }
            return kn_packed_query(values: queries[place].start, correction: 128 * sum, scale: 0.01)
        }

        /// Σ q w of each row for the first query, in whole numbers.
        var exactProducts: [Int] {
            var sums = [Int](repeating: 0, count: blocks * Int(KN_BLOCK_ROWS))
            let asked = queries[0].values
            let unit = Int(KN_BLOCK_ROWS * KN_GROUP_COLUMNS)
            for (place, weight) in weights.enumerated() {
                let column = place % (groups * unit) / unit * Int(KN_GROUP_COLUMNS) + place % Int(KN_GROUP_COLUMNS)
                sums[Self.row(of: place, groups: groups)] += Int(asked[column]) * (Int(weight) - 128)
            }
            return sums
        }

        func scores(_ kernels: kn_packed_kernels, query place: Int = 0, first: Int = 0) -> [Float] {
            var (copy, query) = (table, query(place))
            let result = GuardedBuffer([Float](repeating: .nan, count: (blocks - first) * Int(KN_BLOCK_ROWS)))
            kernels.score(&copy, &query, first, blocks - first, result.start)
            return result.values
        }
    }

    private static let shapes = [(1, 1), (1, 2), (2, 3), (3, 16), (5, 17), (64, 16), (9, 20), (6, 21), (11, 32), (7, 128), (5, 257)]

    @Test(arguments: shapes, [false, true]) func plainScoresAreTheExactIntegers(shape: (Int, Int), isExtreme: Bool) {
        let table = Table(blocks: shape.0, groups: shape.1, seed: 5, isExtreme: isExtreme)
        let (scales, biases) = (table.scales, table.biases)
        let exact = table.exactProducts
        for (row, score) in table.scores(kn_packed_plain).enumerated() {
            #expect(score == Float(exact[row]) * scales[row] * 0.01 + biases[row])
        }
    }

    @Test(arguments: Variant.available, shapes) func everyVariantGivesTheSameBits(variant: Variant, shape: (Int, Int)) {
        for isExtreme in [false, true] {
            let table = Table(blocks: shape.0, groups: shape.1, seed: 9, isExtreme: isExtreme)
            #expect(table.scores(variant.packed) == table.scores(kn_packed_plain))
            #expect(table.scores(variant.packed, first: shape.0 - 1) == table.scores(kn_packed_plain).suffix(16))
        }
    }

    @Test(arguments: Variant.available, shapes) func manyQueriesScoreWhatEachDoesAlone(variant: Variant, shape: (Int, Int)) {
        let table = Table(blocks: shape.0, groups: shape.1, seed: 33, isExtreme: shape.1 % 2 == 0)
        let (rows, stride) = (shape.0 * Int(KN_BLOCK_ROWS), shape.0 * Int(KN_BLOCK_ROWS) + 3)
        for count in [1, 2, 3, 4, 5, Int(KN_QUERIES_MAX)] {
            var copy = table.table
            let queries = (0..<count).map { table.query($0) }
            let result = GuardedBuffer([Float](repeating: 7, count: (count - 1) * stride + rows))
            variant.packed.score_many(&copy, queries, count, 0, shape.0, result.start, stride)
            for query in 0..<count {
                let scores = result.values[query * stride..<query * stride + rows]
                #expect(Array(scores) == table.scores(kn_packed_plain, query: query))
                if query < count - 1 { #expect(result.values[query * stride + rows] == 7) }
            }
        }
    }

    @Test(arguments: Variant.available, shapes) func rowsComeBackAsTheyWereQuantized(variant: Variant, shape: (Int, Int)) {
        let table = Table(blocks: shape.0, groups: shape.1, seed: 34, isExtreme: false)
        let (unit, scales) = (Int(KN_BLOCK_ROWS * KN_GROUP_COLUMNS), table.scales)
        for columns in Set([1, 4 * shape.1 - 3, 4 * shape.1 - 1, 4 * shape.1].filter { $0 > 4 * (shape.1 - 1) }) {
            for row in [0, 5, shape.0 * Int(KN_BLOCK_ROWS) - 1] {
                var copy = table.table
                let result = GuardedBuffer([Float](repeating: .nan, count: columns))
                variant.packed.dequantize(&copy, row, result.start, columns)
                let first = row / 16 * shape.1 * unit + row % 16 * Int(KN_GROUP_COLUMNS)
                let expected = (0..<columns).map { column in
                    Float(Int(table.weights[first + column / 4 * unit + column % 4]) - 128) * scales[row]
                }
                #expect(result.values == expected)
            }
        }
    }

    @Test(arguments: Variant.available, shapes) func singleRowsScoreWhatTheirBlocksDo(variant: Variant, shape: (Int, Int)) {
        let table = Table(blocks: shape.0, groups: shape.1, seed: 21, isExtreme: shape.0 % 2 == 0)
        let scores = table.scores(kn_packed_plain)
        // Some twice, in no order.
        let rows = (0..<UInt32(scores.count + 5)).map { $0 * 7 % UInt32(scores.count) }
        var (copy, query) = (table.table, table.query(0))
        let result = GuardedBuffer([Float](repeating: .nan, count: rows.count))
        variant.packed.score_rows(&copy, &query, rows, rows.count, result.start)
        #expect(result.values == rows.map { scores[Int($0)] })
    }

    /// What a list must hold after rows with these scores: in falling order, equals as they came.
    private func ranking(_ scores: [Float], limit: Int) -> [(row: Int, score: Float)] {
        let ranked = scores.enumerated().filter { $0.element > -.infinity }
            .sorted { $0.element != $1.element ? $0.element > $1.element : $0.offset < $1.offset }
        return ranked.prefix(limit).map { (row: $0.offset, score: $0.element) }
    }

    /// A list behind which nobody may write.
    private struct List {
        let scores: GuardedBuffer<Float>
        let names: GuardedBuffer<UInt32>
        let limit: Int

        init(limit: Int) {
            let places = (limit + 15) / 16 * 16
            scores = GuardedBuffer([Float](repeating: -.infinity, count: places))
            names = GuardedBuffer([UInt32](repeating: .max, count: places))
            self.limit = limit
        }

        var kernelList: kn_top_list { kn_top_list(scores: scores.start, names: names.start, limit: limit) }

        func expect(_ expected: [(row: Int, score: Float)], _ comment: Comment) {
            #expect(names.values.prefix(expected.count).map(Int.init) == expected.map(\.row), comment)
            #expect(Array(scores.values.prefix(expected.count)) == expected.map(\.score), comment)
            #expect(scores.values[expected.count..<limit].allSatisfy { $0 == -.infinity }, comment)
        }
    }

    private static let limits = [1, 2, 15, 16, 17, 20, 33, 100]

    @Test(arguments: Variant.available, shapes) func aListHoldsTheBestRows(variant: Variant, shape: (Int, Int)) {
        let table = Table(blocks: shape.0, groups: shape.1, seed: 13, isExtreme: false)
        let scores = table.scores(kn_packed_plain)
        for limit in Self.limits {
            var (copy, query) = (table.table, table.query(0))
            let list = List(limit: limit)
            var kernelList = list.kernelList
            // In two parts: the second goes on where the first ended.
            variant.packed.top(&copy, &query, 0, shape.0 / 2, &kernelList)
            variant.packed.top(&copy, &query, shape.0 / 2, shape.0 - shape.0 / 2, &kernelList)
            list.expect(ranking(scores, limit: limit), "limit \(limit)")
        }
    }

    @Test(arguments: Variant.available, shapes) func manyQueriesFindWhatEachFinds(variant: Variant, shape: (Int, Int)) {
        let table = Table(blocks: shape.0, groups: shape.1, seed: 17, isExtreme: false)
        for count in 1...Int(KN_QUERIES_MAX) {
            var copy = table.table
            let queries = (0..<count).map { table.query($0) }
            let lists = (0..<count).map { List(limit: Self.limits[$0]) }
            variant.packed.top_many(&copy, queries, count, 0, shape.0, lists.map(\.kernelList))
            for query in 0..<count {
                let scores = table.scores(kn_packed_plain, query: query)
                lists[query].expect(ranking(scores, limit: lists[query].limit), "query \(query) of \(count)")
            }
        }
    }

    @Test(arguments: Variant.available, [5, 300]) func equalScoresStayInTheirOrderAndRowsHaveTheirNames(variant: Variant, groups: Int) {
        let blocks = 6
        let table = Table(blocks: blocks, groups: groups, seed: 3, isExtreme: true)
        let rows = blocks * Int(KN_BLOCK_ROWS)
        let equal = Table.filled(with: 7, blocks: blocks, groups: groups)
        let names = (0..<rows).map { UInt32(10_000 - $0) }
        var query = table.query(0)
        let list = List(limit: 20)
        var kernelList = list.kernelList
        names.withUnsafeBufferPointer { names in
            var kernelTable = kn_packed_table(blocks: equal.start, groups: groups, names: names.baseAddress)
            variant.packed.top(&kernelTable, &query, 0, blocks, &kernelList)
        }
        #expect(list.names.values.prefix(20).map(Int.init) == (0..<20).map { 10_000 - $0 })
        #expect(Set(list.scores.values.prefix(20)).count == 1)
    }

    @Test func theProcessorsBestVariantIsChosen() {
        // FRESHET_ISA may name another one; without it the last of the list is in use.
        #expect(Variant.available.contains { $0.isa == kn_isa_current() })
        #expect(kn_float_variant(kn_isa(99)) == nil)
    }
}
