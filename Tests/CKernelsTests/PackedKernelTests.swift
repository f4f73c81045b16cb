import CKernels
import Testing

/// The packed int8 table: every variant gives the bits of the plain one, which gives the exact integers.
@Suite struct PackedKernelTests {
    private final class Table {
        let values: GuardedBuffer<UInt8>
        let scales: GuardedBuffer<Float>
        let biases: GuardedBuffer<Float>
        let queries: [GuardedBuffer<Int8>]
        let blocks: Int
        let groups: Int

        init(blocks: Int, groups: Int, seed: UInt64, isExtreme: Bool) {
            var generator = TestGenerator(state: seed)
            let rows = blocks * Int(KN_BLOCK_ROWS)
            let width = groups * Int(KN_GROUP_COLUMNS)
            let weights = (0..<rows * width).map { _ -> UInt8 in
                let draw = generator.next()
                return isExtreme ? (draw & 1 == 0 ? 255 : 0) : UInt8(truncatingIfNeeded: draw >> 20)
            }
            queries = (0..<Int(KN_QUERIES_MAX)).map { _ in
                GuardedBuffer((0..<width).map { _ -> Int8 in
                    let draw = generator.next()
                    return isExtreme ? (draw & 1 == 0 ? 127 : -127) : Int8(clamping: Int(draw >> 20 & 255) - 127)
                })
            }
            values = GuardedBuffer(weights)
            scales = GuardedBuffer(generator.floats(rows).map { abs($0) + 0.001 })
            var offsets = generator.floats(rows)
            offsets[rows / 2] = -.infinity
            biases = GuardedBuffer(offsets)
            self.blocks = blocks
            self.groups = groups
        }

        static func row(of place: Int, groups: Int) -> Int {
            let blockBytes = groups * Int(KN_BLOCK_ROWS * KN_GROUP_COLUMNS)
            let inGroup = place % blockBytes % Int(KN_BLOCK_ROWS * KN_GROUP_COLUMNS)
            return place / blockBytes * Int(KN_BLOCK_ROWS) + inGroup / Int(KN_GROUP_COLUMNS)
        }

        var table: kn_packed_table {
            kn_packed_table(values: values.start, row_scales: scales.start, biases: biases.start, groups: groups)
        }

        func query(_ place: Int) -> kn_packed_query {
            let sum = queries[place].values.reduce(Int32(0)) { $0 + Int32($1) }
            return kn_packed_query(values: queries[place].start, correction: 128 * sum, scale: 0.01)
        }

        /// Σ q w of each row for the first query, in whole numbers.
        var exactProducts: [Int] {
            var sums = [Int](repeating: 0, count: blocks * Int(KN_BLOCK_ROWS))
            let (weights, asked) = (values.values, queries[0].values)
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

    private static let shapes = [(1, 1), (1, 2), (2, 3), (3, 16), (5, 17), (64, 16), (7, 128)]

    @Test(arguments: shapes, [false, true]) func plainScoresAreTheExactIntegers(shape: (Int, Int), isExtreme: Bool) {
        let table = Table(blocks: shape.0, groups: shape.1, seed: 5, isExtreme: isExtreme)
        let (scales, biases) = (table.scales.values, table.biases.values)
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

    @Test(arguments: Variant.available, shapes) func aScanIsTheScoresAboveTheThreshold(variant: Variant, shape: (Int, Int)) {
        let table = Table(blocks: shape.0, groups: shape.1, seed: 13, isExtreme: false)
        let scores = table.scores(kn_packed_plain)
        let finite = scores.filter(\.isFinite).sorted()
        for threshold in [-Float.infinity, finite[finite.count / 2], finite[finite.count - 1]] {
            var (copy, query) = (table.table, table.query(0))
            let rows = GuardedBuffer([UInt32](repeating: .max, count: scores.count))
            let found = GuardedBuffer([Float](repeating: .nan, count: scores.count))
            let count = variant.packed.scan(
                &copy, &query, 0, shape.0, threshold, rows.start, found.start)
            let expected = scores.enumerated().filter { $0.element > threshold }
            #expect(rows.values.prefix(count).map(Int.init) == expected.map(\.offset))
            #expect(Array(found.values.prefix(count)) == expected.map(\.element))
        }
    }

    @Test(arguments: Variant.available, shapes) func manyQueriesFindWhatEachFinds(variant: Variant, shape: (Int, Int)) {
        let table = Table(blocks: shape.0, groups: shape.1, seed: 17, isExtreme: false)
        let stride = shape.0 * Int(KN_BLOCK_ROWS)
        for count in [1, 3, 7, 8] {
            var copy = table.table
            let queries = (0..<count).map { table.query($0) }
            let thresholds = (0..<count).map { Float($0) * 0.3 - 1 }
            let rows = GuardedBuffer([UInt32](repeating: .max, count: count * stride))
            let found = GuardedBuffer([Float](repeating: .nan, count: count * stride))
            let counts = GuardedBuffer([Int](repeating: -1, count: count))
            variant.packed.scan_many(
                &copy, queries, count, 0, shape.0, thresholds, rows.start, found.start, stride, counts.start)
            for query in 0..<count {
                let scores = table.scores(kn_packed_plain, query: query)
                let expected = scores.enumerated().filter { $0.element > thresholds[query] }
                let part = query * stride..<query * stride + counts.values[query]
                #expect(rows.values[part].map(Int.init) == expected.map(\.offset), "query \(query) of \(count)")
                #expect(Array(found.values[part]) == expected.map(\.element))
            }
        }
    }

    @Test func theProcessorsBestVariantIsChosen() {
        // FRESHET_ISA may name another one; without it the last of the list is in use.
        #expect(Variant.available.contains { $0.isa == kn_isa_current() })
        #expect(kn_float_variant(kn_isa(99)) == nil)
    }
}
