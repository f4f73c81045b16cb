import Learning
import SequenceModels
import Serving
import Tensors

/// Retrieval, encoding and training, each alone.
enum ModelBenches {
    static func exactTop20(_ print: (BenchLine) throws -> Void) throws {
        let microsecondsPerProduct = Self.microsecondsPerProduct
        let shapes = [(10_000, 64, 1), (100_000, 64, 1), (1_000_000, 64, 1), (100_000, 128, 1), (100_000, 64, 8), (100_000, 64, 32)]
        for (items, dimensions, queries) in shapes {
            let table = try quantizedTable(items, dimensions)
            var generator = SeededGenerator(seed: 2)
            var source = Matrix(rows: 1, columns: dimensions)
            var query = QuantizedQueries(capacity: queries, columns: dimensions)
            var best = (0..<queries).map { _ in TopK(capacity: 20) }
            func scan() throws {
                for slot in 0..<queries {
                    for column in 0..<dimensions { source[0, column] = generator.nextSymmetric(1) }
                    try query.quantize(source, row: 0, into: slot)
                    best[slot].removeAll(limit: 20)
                }
                table.topK(query, count: queries, into: &best)
            }
            var line = BenchLine("exact_top20")
            (line.items, line.dimensions, line.queries) = (items, dimensions, queries)
            line.take(try Timing(scan), plain: try Timing.plainMedian(scan))
            // Values, scale and bias of each row are read once; for many queries it is the products that count.
            let reading = Timing(MachineLimits.reader(byteCount: items * (dimensions + 8))).median
            line.compare(toLimit: max(reading, Double(items * dimensions * queries) * microsecondsPerProduct))
            try print(line)
        }
    }

    static func encode(_ print: (BenchLine) throws -> Void) throws {
        let microsecondsPerProduct = Self.microsecondsPerProduct
        let shapes: [(EncoderKind, Int, Int)] = [
            (.gru, 64, 1), (.gru, 64, 10), (.gru, 128, 1), (.attention, 64, 10), (.attention, 64, 50),
            (.convolution, 64, 50),
        ]
        for (kind, dimensions, length) in shapes {
            let model = try ServedModel(kind, items: 1000, dimensions: dimensions)
            var recommender = Recommender(dimensions: dimensions, candidatesMax: 20)
            let window = (0..<length).map { SessionEvent(item: ItemIndex($0 * 37 % 1000)) }
            func encode() throws { try recommender.encode(window.span, nil, in: model.snapshot, limit: 20, into: 0) }
            var line = BenchLine("encode")
            (line.encoder, line.dimensions, line.length) = (kind.rawValue, dimensions, length)
            line.take(try Timing(encode), plain: try Timing.plainMedian(encode))
            switch kind {
            case .gru:
                // The weights of a step are read once, from the first cache that holds them.
                line.compare(
                    toLimit: Timing(MachineLimits.reader(byteCount: 6 * dimensions * dimensions)).median * Double(length))
            case .attention:
                // Two blocks of six products of a row with a square; scores and sums are float and come on top.
                line.compare(toLimit: Double(12 * dimensions * dimensions * length) * microsecondsPerProduct)
            case .convolution: break
            }
            try print(line)
        }
        for (length, sessions) in [(10, 1), (50, 1), (50, 1000)] {
            try print(encodeNext(length: length, sessions: sessions, microsecondsPerProduct: microsecondsPerProduct))
        }
    }

    /// One event more of sessions whose keys and values are kept, four steps before a window is encoded
    /// whole again, which shows in the p99. Of one session they come from the nearest cache, of many from memory.
    private static func encodeNext(length: Int, sessions: Int, microsecondsPerProduct: Double) throws -> BenchLine {
        let dimensions = 64
        var model = try ServedModel(.attention, items: 1000, dimensions: dimensions)
        model.keepKeysAndValues(lengthMax: length)
        var recommender = Recommender(dimensions: dimensions, candidatesMax: 20)
        let events = (0..<length + 1000).map { SessionEvent(item: ItemIndex($0 * 37 % 1000)) }
        var calls = 0
        func encode() throws {
            let (session, place) = (calls % sessions, calls / sessions)
            calls += 1
            // Numbers count the session's own events here: they age by them alone.
            let mark = SessionMark(session: session, newest: UInt32(place + 1), previous: UInt32(place))
            let window = events.span.extracting(place % 1000..<place % 1000 + length)
            model.snapshot.beginRound()
            let step = model.snapshot.plan(mark, length: length, version: 0)
            try recommender.encode(window, step, in: model.snapshot, limit: 20, into: 0)
        }
        var line = BenchLine("encode")
        (line.encoder, line.dimensions, line.length, line.users) = ("attention_incremental", dimensions, length, sessions)
        line.take(try Timing(encode), plain: try Timing.plainMedian(encode))
        // The products of one position; the keys and values of both blocks are read once.
        line.compare(
            toLimit: Double(12 * dimensions * dimensions) * microsecondsPerProduct
                + Timing(MachineLimits.reader(byteCount: 4 * length * (dimensions + 4))).median)
        return line
    }

    static func eventToList(_ print: (BenchLine) throws -> Void) throws {
        for (kind, length) in [(EncoderKind.gru, 10), (.attention, 50)] {
            let model = try ServedModel(kind, items: 100_000, dimensions: 64)
            var recommender = Recommender(dimensions: 64, candidatesMax: 20)
            var generator = SeededGenerator(seed: 3)
            func window() -> [SessionEvent] {
                (0..<length).map { _ in SessionEvent(item: ItemIndex(generator.next(below: 100_000))) }
            }
            func answer() throws { try recommender.rank(after: window().span, in: model.snapshot, limit: 20) }
            var line = BenchLine("event_to_list")
            (line.encoder, line.items, line.dimensions, line.index) = (kind.rawValue, 100_000, 64, "exact")
            line.length = length
            line.take(try Timing(answer), plain: try Timing.plainMedian(answer))
            line.compare(toLimit: Timing(MachineLimits.reader(byteCount: 100_000 * 72)).median)
            try print(line)
            line = try IndexBench.eventToList(items: 100_000) {
                try recommender.encode(window().span, nil, in: model.snapshot, limit: 20, into: 0)
            }
            (line.encoder, line.length) = (kind.rawValue, length)
            try print(line)
        }
    }

    static func train(_ print: (BenchLine) throws -> Void) throws {
        let (multiply, operations) = MachineLimits.multiplier()
        let microsecondsPerOperation = Timing(multiply).median / Double(operations)
        let shapes: [(EncoderKind, Int, Int)] = [
            (.gru, 1, 1), (.gru, 1, 64), (.gru, 10, 1), (.gru, 10, 16), (.gru, 10, 64), (.gru, 20, 1), (.gru, 20, 64), (.attention, 10, 1),
            (.attention, 10, 16), (.attention, 20, 16), (.attention, 50, 1), (.attention, 50, 64), (.convolution, 10, 64),
        ]
        for (kind, length, batch) in shapes {
            var configuration = LearnerConfiguration()
            configuration.encoder = kind
            configuration.dropout = 0
            configuration.itemsMax = 100_000
            configuration.negatives = 128
            configuration.window = length
            var learner = Learner(configuration)
            for item in 0..<ItemIndex(100_000) { learner.addItem(item, after: []) }
            var generator = SeededGenerator(seed: 4)
            func step() {
                for _ in 0..<batch {
                    let window = (0...length).map { _ in SessionEvent(item: ItemIndex(generator.next(below: 100_000))) }
                    learner.observe(window[length].item)
                    learner.stage(window.span, weight: 1)
                }
                learner.step()
            }
            var line = BenchLine("train")
            (line.encoder, line.items, line.dimensions, line.negatives) = (kind.rawValue, 100_000, 64, 128)
            (line.length, line.batch) = (length, batch)
            let timing = Timing(step)
            line.take(timing, plain: Timing.plainMedian(step))
            line.perSecond = Double(batch) * 1e6 / timing.median
            if kind != .convolution {
                // Per position: six products of a row with a square (for each of attention's two blocks), forward and
                // twice back; the negatives three times.
                let squares = kind == .attention ? 12 : 6
                let perPosition = 3 * (squares * 2 * 64 * 64) + 3 * (2 * 64 * 129)
                line.compare(toLimit: Double(batch * length * perPosition) * microsecondsPerOperation)
            }
            try print(line)
        }
    }

    /// What a product of bytes costs at least.
    private static var microsecondsPerProduct: Double {
        let (multiply, products) = MachineLimits.byteMultiplier()
        return Timing(budget: .milliseconds(300), multiply).median / Double(products)
    }

    private static func quantizedTable(_ items: Int, _ dimensions: Int) throws -> QuantizedTable {
        var generator = SeededGenerator(seed: 1)
        var table = QuantizedTable(capacity: items, columns: dimensions)
        var source = Matrix(rows: 1, columns: dimensions)
        for item in 0..<items {
            for column in 0..<dimensions { source[0, column] = generator.nextSymmetric(1) }
            try table.setRow(item, from: source, sourceRow: 0, bias: 0)
        }
        return table
    }
}

/// A model with random weights, as it is served.
struct ServedModel: ~Copyable {
    private(set) var snapshot: Snapshot
    private let encoder: any SequenceEncoder

    init(_ kind: EncoderKind, items: Int, dimensions: Int) throws {
        var generator = SeededGenerator(seed: 1)
        var table = EmbeddingTable(capacity: items, dimensions: dimensions)
        let encoder = kind.makeEncoder(
            convolution: ConvolutionConfiguration(), positionsMax: 64, dimensions: dimensions, using: &generator)
        var made = Snapshot(capacity: items, serving: encoder, index: .exact)
        for item in 0..<ItemIndex(items) {
            table.initializeRow(item, limit: 1, bias: 0, using: &generator)
            try made.refreshItem(item, from: table)
        }
        try made.refreshEncoder()
        snapshot = made
        self.encoder = encoder
    }

    mutating func keepKeysAndValues(lengthMax: Int) { snapshot.keepKeysAndValues(of: encoder, lengthMax: lengthMax) }
}
