import Foundation
import SequenceModels
import Serving
import Tensors

/// The approximate index beside the exact scan, while rows change all the time.
enum IndexBench {
    /// Rows that one event's training touches: itself, its target and the negatives.
    private static let rowsPerEvent = 131
    private static let rounds = 400

    /// Items, and how they lie: groups of items with a spread around their centers, whose own spread is 1.
    private static let shapes: [(items: Int, groups: Int, spread: Float, name: String)] = [
        (100_000, 1000, 0.5, "clustered"), (1_000_000, 1000, 0.5, "clustered"), (1_000_000, 10_000, 0.7, "clustered, wide"),
        (1_000_000, 1, 1, "unclustered"),
    ]

    static func approximateTop20(_ print: (BenchLine) throws -> Void) throws {
        for shape in shapes {
            var catalogue = MovingCatalogue(items: shape.items, dimensions: 64, groups: shape.groups, spread: shape.spread)
            var index = ClusteredIndex(capacity: shape.items, columns: 64)
            // Pauses are told in processor time: others' work on this machine is no pause of ours.
            let began = clock()
            var slowest = 0
            for item in 0..<ItemIndex(shape.items) {
                let before = clock()
                index.refresh(item, from: catalogue.table)
                slowest = max(slowest, clock() - before)
            }
            for _ in 0..<shape.items { index.sweep(catalogue.table) }
            let built = clock() - began
            var line = try measure("approximate_top20", &catalogue, &index) {}
            (line.items, line.dimensions, line.queries) = (shape.items, 64, 1)
            line.index = shape.name
            line.buildMicroseconds = Double(built)
            line.pauseMicroseconds = max(line.pauseMicroseconds ?? 0, Double(slowest))
            try print(line)
        }
    }

    /// From an event to its list by an index of clustered items.
    ///
    /// - Parameter encode: the work on an event's session. The list is made for a query that lies where items do, as the
    ///   states of a model that has learned do and those of random weights do not.
    static func eventToList(items: Int, encode: () throws -> Void) throws -> BenchLine {
        var catalogue = MovingCatalogue(items: items, dimensions: 64, groups: 1000, spread: 0.5)
        var index = ClusteredIndex(capacity: items, columns: 64)
        for item in 0..<ItemIndex(items) { index.refresh(item, from: catalogue.table) }
        for _ in 0..<items { index.sweep(catalogue.table) }
        var line = try measure("event_to_list", &catalogue, &index, encode: encode)
        (line.items, line.dimensions, line.index) = (items, 64, "approximate")
        line.pauseMicroseconds = nil
        return line
    }

    /// Queries among updates, each of them checked against the exact list.
    ///
    /// - Parameter encode: what is done before the list is made, and is part of its time.
    private static func measure(
        _ name: String, _ catalogue: inout MovingCatalogue, _ index: inout ClusteredIndex, encode: () throws -> Void
    ) throws -> BenchLine {
        var queries = QuantizedQueries(capacity: 1, columns: 64)
        var probe = ClusterProbe()
        var (list, exact) = (TopK(capacity: 20), [TopK(capacity: 20)])
        var (seconds, updates, rowsRead, found, pause) = ([Double](), Duration.zero, 0, 0, 0)
        var choice = RankingChoice(mode: .approximate)
        for round in 0..<2 * rounds {
            // The first half teaches the choice how far to reach, and finds the longest call: asking the clock for each costs
            // as much as some of them.
            if round == rounds { (seconds, updates, rowsRead, found) = ([], .zero, 0, 0) }
            let items = try (0..<rowsPerEvent).map { _ in try catalogue.nudge() }
            let began = ContinuousClock.now
            for item in items {
                let before = round < rounds ? clock() : 0
                index.refresh(item, from: catalogue.table)
                if round < rounds { pause = max(pause, clock() - before) }
            }
            updates += ContinuousClock.now - began
            try catalogue.ask(&queries)
            list.removeAll(limit: 20)
            exact[0].removeAll(limit: 20)
            let asked = ContinuousClock.now
            try encode()
            index.rank(queries, 0, reach: choice.reach, using: &probe, into: &list)
            seconds.append((ContinuousClock.now - asked) / .seconds(1))
            rowsRead += probe.rowsRead
            catalogue.table.topK(queries, count: 1, into: &exact)
            let wanted = Set((0..<20).map { exact[0].index(at: $0) })
            let common = (0..<list.count).count { wanted.contains(list.index(at: $0)) }
            found += common
            if round < rounds {
                var comparison = RankingComparison()
                (comparison.count, comparison.wanted, comparison.found) = (1, 20, common)
                choice.take(comparison)
            }
        }
        seconds.sort()
        var line = BenchLine(name)
        line.medianMicroseconds = seconds[seconds.count / 2] * 1e6
        line.p99Microseconds = seconds[seconds.count * 99 / 100] * 1e6
        line.recall = Double(found) / Double(20 * rounds)
        line.updatesPerSecond = Double(rounds * rowsPerEvent) / (updates / .seconds(1))
        // Of one row: what splits and closes clusters comes in such a call, on top of what each row costs.
        line.pauseMicroseconds = Double(pause)
        line.rowsRead = Double(rowsRead) / Double(rounds)
        line.limitMicroseconds = Timing(MachineLimits.reader(byteCount: rowsRead / rounds * 72)).median
        return line
    }
}

/// A served table whose rows lie around centers, or anywhere, and move a little when they are learned.
struct MovingCatalogue: ~Copyable {
    private(set) var table: QuantizedTable
    private var source: Matrix
    private var centers: Matrix
    private let spread: Float
    private var generator = SeededGenerator(seed: 11)

    init(items: Int, dimensions: Int, groups: Int, spread: Float) {
        table = QuantizedTable(capacity: items, columns: dimensions)
        source = Matrix(rows: 1, columns: dimensions)
        centers = Matrix(rows: groups, columns: dimensions)
        self.spread = spread
        // One group is none: its center is where no row is drawn to.
        if groups > 1 {
            for group in 0..<groups { for column in 0..<dimensions { centers[group, column] = normal() } }
        }
        for item in 0..<items {
            draw()
            set(item, bias: normal() * 0.3)
        }
    }

    /// One step of training on one row: most of it stays.
    mutating func nudge() throws -> ItemIndex {
        let item = generator.next(below: table.count)
        source.withMutableRow(0) { table.dequantizeRow(item, into: &$0) }
        for column in 0..<source.columns { source[0, column] += normal() * 0.05 }
        set(item, bias: table.bias(ofRow: item))
        return ItemIndex(item)
    }

    /// A query where items are.
    mutating func ask(_ queries: inout QuantizedQueries) throws {
        draw()
        try queries.quantize(source, row: 0, into: 0)
    }

    private mutating func draw() {
        let center = generator.next(below: centers.rows)
        for column in 0..<source.columns { source[0, column] = centers[center, column] + normal() * spread }
    }

    private mutating func set(_ item: Int, bias: Float) {
        do { try table.setRow(item, from: source, sourceRow: 0, bias: bias) } catch { preconditionFailure("\(error)") }
    }

    /// Near enough to a normal number: the sum of four uniform ones.
    private mutating func normal() -> Float {
        (0..<4).reduce(Float(0)) { sum, _ in sum + generator.nextSymmetric(1) } * 0.866
    }
}
