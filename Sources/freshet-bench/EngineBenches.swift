internal import CAllocations
import Engine
import Events
import Foundation
import Learning
import Telemetry

/// The whole engine without Kafka.
enum EngineBenches {
    static let partition = TopicPartition(topic: "events", partition: 0)

    static func engine(_ print: (BenchLine) throws -> Void) throws {
        for (encoder, threads) in [(EngineConfiguration.Encoder.gru, 1), (.gru, 2), (.ensemble, 1), (.ensemble, 2)] {
            for items in [20_000, 100_000] { try print(engine(encoder, threads: threads, items: items)) }
        }
    }

    private static func engine(_ encoder: EngineConfiguration.Encoder, threads: Int, items: Int) throws -> BenchLine {
        let users = 5_000
        var stream = BenchStream(items: items, users: users)
        var engine = try filledEngine(&stream, encoder, threads: threads)
        var (batches, allocations) = (0, UInt64(0))
        var answers: [EngineAnswer] = []
        let timing = try Timing(budget: .seconds(5)) {
            let inputs = (0..<batchSize).map { _ in stream.next(wantsAnswer: true) }
            let before = ca_allocations()
            try step(&engine, inputs, &answers)
            allocations += ca_allocations() - before
            batches += 1
        }
        var line = BenchLine("engine")
        (line.encoder, line.threads) = (encoder.rawValue, threads)
        (line.items, line.users, line.events, line.batch) = (items, users, batches * batchSize, batchSize)
        line.medianMicroseconds = timing.median / Double(batchSize)
        line.p99Microseconds = timing.p99 / Double(batchSize)
        line.perSecond = Double(batchSize) * 1e6 / timing.median
        line.allocationsPerEvent = Double(allocations) / Double(batches * batchSize)
        line.residentBytes = ProcessFigures.current().residentBytes
        return line
    }

    private static let batchSize = 64

    /// An engine that has seen every item, and sessions of ten events.
    private static func filledEngine(
        _ stream: inout BenchStream, _ encoder: EngineConfiguration.Encoder, threads: Int
    ) throws -> Engine {
        var configuration = EngineConfiguration()
        (configuration.encoder, configuration.threads) = (encoder, threads)
        configuration.learner.itemsMax = stream.items
        // As the daemon's settings have it.
        configuration.learner.temperature = 0.08
        configuration.keepsKeysAndValues = true
        configuration.usersMax = stream.users
        var engine = try Engine(configuration)
        while engine.itemCount < stream.items || stream.produced < 10 * stream.users {
            _ = try engine.answer(
                (0..<256).map { _ in stream.next(wantsAnswer: false) }, now: Timestamp(milliseconds: 0))
            try engine.learn(replay: .none, batch: Engine.learningBatchMax)
        }
        return engine
    }

    private static func step(
        _ engine: inout Engine, _ inputs: [EngineInput], _ answers: inout [EngineAnswer]
    ) throws {
        try engine.answer(inputs, now: Timestamp(milliseconds: 0), into: &answers)
        try engine.learn(replay: .none, batch: Engine.learningBatchMax)
    }
}

/// A stream that names every item in turn at first, then draws users and items at random.
struct BenchStream {
    let items: Int
    let users: Int
    private(set) var produced = 0
    private var state: UInt64 = 7

    init(items: Int, users: Int) {
        self.items = items
        self.users = users
    }

    mutating func event() -> Event {
        let user = draw(below: users)
        let item = produced < items ? produced : draw(below: items)
        produced += 1
        guard let userID = UserID("u\(user)"), let itemID = ItemID("i\(item)") else {
            preconditionFailure("a letter and a number are an identifier")
        }
        return Event(user: userID, item: itemID, timestamp: Timestamp(milliseconds: 1_767_225_600_000 + Int64(produced)))
    }

    mutating func next(wantsAnswer: Bool) -> EngineInput {
        let source = RecordSource(topicPartition: EngineBenches.partition, offset: Int64(produced))
        return EngineInput(content: .event(event()), source: source, wantsAnswer: wantsAnswer)
    }

    private mutating func draw(below bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }
}
