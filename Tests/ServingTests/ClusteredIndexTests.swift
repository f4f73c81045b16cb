import SequenceModels
import Tensors
import Testing

@testable import Serving

/// The index beside the table that it follows.
struct IndexedTable: ~Copyable {
    var table: QuantizedTable
    var index: ClusteredIndex
    private var source: Matrix
    private var generator: SeededGenerator
    /// [groups x D]; nil where rows are not in groups.
    private var centers: Matrix?
    private let dimensions: Int

    init(capacity: Int, dimensions: Int, groups: Int?, seed: UInt64) {
        table = QuantizedTable(capacity: capacity, columns: dimensions)
        index = ClusteredIndex(capacity: capacity, columns: dimensions)
        source = Matrix(rows: 1, columns: dimensions)
        generator = SeededGenerator(seed: seed)
        self.dimensions = dimensions
        if let groups {
            var made = Matrix(rows: groups, columns: dimensions)
            for group in 0..<groups {
                for column in 0..<dimensions { made[group, column] = Self.normal(&generator) }
            }
            centers = consume made
        } else {
            centers = nil
        }
    }

    /// Near enough to a normal number: the sum of four uniform ones.
    static func normal(_ generator: inout SeededGenerator) -> Float {
        (0..<4).reduce(Float(0)) { sum, _ in sum + generator.nextSymmetric(1) } * 0.866
    }

    /// Draws a vector near a center, or anywhere.
    private mutating func draw(spread: Float) {
        let center = generator.next(below: centers?.rows ?? 1)
        for column in 0..<dimensions {
            source[0, column] = (centers?[center, column] ?? 0) + Self.normal(&generator) * (centers == nil ? 1 : spread)
        }
    }

    mutating func set(_ item: Int) throws {
        draw(spread: 0.4)
        try table.setRow(item, from: source, sourceRow: 0, bias: Self.normal(&generator) * 0.5)
        index.refresh(ItemIndex(item), from: table)
    }

    /// What a step of training does to a row: most of it stays.
    mutating func nudge(_ item: Int) throws {
        let bias = table.bias(ofRow: item)
        source.withMutableRow(0) { table.dequantizeRow(item, into: &$0) }
        for column in 0..<dimensions { source[0, column] += Self.normal(&generator) * 0.05 }
        try table.setRow(item, from: source, sourceRow: 0, bias: bias)
        index.refresh(ItemIndex(item), from: table)
    }

    mutating func remove(_ item: Int) {
        table.removeRow(item)
        index.remove(ItemIndex(item))
    }

    mutating func random(below bound: Int) -> Int { generator.next(below: bound) }

    /// A query near a center, and what table and index answer.
    mutating func ask(limit: Int, reach: Float) throws -> (exact: [Int], found: [Int], rowsRead: Int) {
        draw(spread: 0.6)
        var queries = QuantizedQueries(capacity: 1, columns: dimensions)
        try queries.quantize(source, row: 0, into: 0)
        var lists = [TopK(capacity: 100), TopK(capacity: 100)]
        for place in 0..<2 { lists[place].removeAll(limit: limit) }
        table.topK(queries, count: 1, into: &lists)
        var probe = ClusterProbe()
        index.rank(queries, 0, reach: reach, using: &probe, into: &lists[1])
        return (
            (0..<lists[0].count).map { lists[0].index(at: $0) }, (0..<lists[1].count).map { lists[1].index(at: $0) },
            probe.rowsRead
        )
    }

    /// Mean share of the exact list that the index found, and of the rows that it read.
    mutating func recall(queries: Int, reach: Float) throws -> (recall: Double, read: Double) {
        var (found, wanted, read) = (0, 0, 0)
        for _ in 0..<queries {
            let answer = try ask(limit: 20, reach: reach)
            found += Set(answer.exact).intersection(answer.found).count
            wanted += answer.exact.count
            read += answer.rowsRead
        }
        return (Double(found) / Double(wanted), Double(read) / Double(queries * index.count))
    }
}

@Suite struct ClusteredIndexTests {
    /// Everything that must hold between two calls.
    private func expectConsistent(_ indexed: borrowing IndexedTable, live: Set<Int>, _ comment: Comment) {
        #expect(indexed.index.count == live.count, comment)
        var seen = Set<Int>()
        for cluster in 0..<indexed.index.sizes.count {
            #expect(indexed.index.sizes[cluster] <= ClusteredIndex.clusterRows, comment)
            for position in 0..<indexed.index.sizes[cluster] {
                let place = cluster * ClusteredIndex.clusterRows + position
                let item = Int(indexed.index.names[place])
                #expect(seen.insert(item).inserted, "item \(item) stands in one place")
                #expect(indexed.index.place(of: ItemIndex(item)) == place)
                // The row of the index is the row of the table.
                let (bias, scale) = (indexed.index.rows.bias(ofRow: place), indexed.index.rows.scale(ofRow: place))
                #expect(bias == indexed.table.bias(ofRow: item) && scale == indexed.table.scale(ofRow: item))
                var (copy, original) = ([Float](repeating: 0, count: 16), [Float](repeating: 1, count: 16))
                var span = copy.mutableSpan
                indexed.index.rows.dequantizeRow(place, into: &span)
                var originalSpan = original.mutableSpan
                indexed.table.dequantizeRow(item, into: &originalSpan)
                #expect(copy == original, comment)
            }
        }
        #expect(seen == live, comment)
    }

    @Test(arguments: [UInt64](1...4)) func everyLiveItemStandsInExactlyOneCluster(seed: UInt64) throws {
        var indexed = IndexedTable(capacity: 3000, dimensions: 16, groups: seed % 2 == 0 ? 12 : nil, seed: seed)
        var live = Set<Int>()
        for round in 0..<6 {
            for _ in 0..<2000 {
                let item = min(indexed.random(below: 3000), live.count + round * 10)
                switch indexed.random(below: 10) {
                case 0..<2 where live.contains(item):
                    indexed.remove(item)
                    live.remove(item)
                case 2..<5 where live.contains(item):
                    try indexed.nudge(item)
                default:
                    try indexed.set(item)
                    live.insert(item)
                }
            }
            expectConsistent(indexed, live: live, "seed \(seed), round \(round)")
        }
        // All of them leave: clusters close and are used again.
        for item in live.sorted() { indexed.remove(item) }
        expectConsistent(indexed, live: [], "all gone")
        #expect(indexed.index.clusterCount == 0)
        for item in 0..<700 { try indexed.set(item) }
        expectConsistent(indexed, live: Set(0..<700), "and come again")
    }

    @Test func anUnlimitedReachFindsTheExactList() throws {
        var indexed = IndexedTable(capacity: 2000, dimensions: 16, groups: nil, seed: 9)
        for item in 0..<2000 { try indexed.set(item) }
        for _ in 0..<20 {
            let answer = try indexed.ask(limit: 20, reach: 1000)
            #expect(answer.found == answer.exact)
            #expect(answer.rowsRead == 2000)
        }
    }

    @Test func rowsInGroupsAreFoundWithoutReadingThemAll() throws {
        var indexed = IndexedTable(capacity: 20_000, dimensions: 32, groups: 100, seed: 5)
        for item in 0..<20_000 { try indexed.set(item) }
        for _ in 0..<10_000 { try indexed.nudge(indexed.random(below: 20_000)) }
        let measured = try indexed.recall(queries: 100, reach: 3)
        #expect(measured.recall >= 0.97)
        #expect(measured.read < 0.5)
    }

    @Test func anItemThatHasChangedSidesIsFoundThere() throws {
        var indexed = IndexedTable(capacity: 5000, dimensions: 16, groups: 20, seed: 3)
        for item in 0..<5000 { try indexed.set(item) }
        // Item after item becomes another one, as online learning does when a catalogue turns over.
        for _ in 0..<3 { for item in 0..<5000 { try indexed.set(item) } }
        let measured = try indexed.recall(queries: 100, reach: 3)
        #expect(measured.recall >= 0.97)
    }

    @Test func aListMayBeLongerThanTheCatalogue() throws {
        var indexed = IndexedTable(capacity: 50, dimensions: 16, groups: nil, seed: 1)
        try indexed.set(0)
        #expect(try indexed.ask(limit: 20, reach: 0).found == [0])
        for item in 1..<7 { try indexed.set(item) }
        let answer = try indexed.ask(limit: 20, reach: 0)
        #expect(answer.found == answer.exact && answer.found.count == 7)
        indexed.remove(3)
        #expect(try indexed.ask(limit: 20, reach: 0).found.contains(3) == false)
    }

    @Test func anEmptyIndexAnswersNothing() throws {
        let index = ClusteredIndex(capacity: 10, columns: 8)
        var queries = QuantizedQueries(capacity: 1, columns: 8)
        try queries.quantize(Matrix(rows: 1, columns: 8), row: 0, into: 0)
        var probe = ClusterProbe()
        var list = TopK(capacity: 5)
        index.rank(queries, 0, reach: 3, using: &probe, into: &list)
        let count = list.count
        #expect(count == 0)
    }

    @Test func rowsOfZerosAreSplitAndFoundByTheirBiases() throws {
        var table = QuantizedTable(capacity: 2000, columns: 16)
        var index = ClusteredIndex(capacity: 2000, columns: 16)
        let zeros = Matrix(rows: 1, columns: 16)
        for item in 0..<2000 {
            try table.setRow(item, from: zeros, sourceRow: 0, bias: Float(item % 100))
            index.refresh(ItemIndex(item), from: table)
        }
        var queries = QuantizedQueries(capacity: 1, columns: 16)
        try queries.quantize(zeros, row: 0, into: 0)
        var probe = ClusterProbe()
        var list = TopK(capacity: 20)
        index.rank(queries, 0, reach: 3, using: &probe, into: &list)
        let best = (0..<list.count).map { list.score(at: $0) }
        #expect(best == [Float](repeating: 99, count: 20))
    }

    @Test func theSameCallsGiveTheSameLists() throws {
        func run() throws -> [[Int]] {
            var indexed = IndexedTable(capacity: 3000, dimensions: 16, groups: 10, seed: 8)
            for item in 0..<3000 { try indexed.set(item) }
            for item in 0..<500 { indexed.remove(item * 3) }
            return try (0..<20).map { _ in try indexed.ask(limit: 20, reach: 1).found }
        }
        #expect(try run() == run())
    }

    @Test func aSweepTakesInATableThatWasThereBefore() throws {
        var table = QuantizedTable(capacity: 1000, columns: 16)
        var source = Matrix(rows: 1, columns: 16)
        var generator = SeededGenerator(seed: 2)
        for item in 0..<1000 {
            for column in 0..<16 { source[0, column] = generator.nextSymmetric(1) }
            try table.setRow(item, from: source, sourceRow: 0, bias: 0)
        }
        table.removeRow(17)
        var index = ClusteredIndex(capacity: 1000, columns: 16)
        for _ in 0..<1000 { index.sweep(table) }
        let count = index.count
        #expect(count == 999)
        #expect(index.place(of: 17) == nil)
    }
}
