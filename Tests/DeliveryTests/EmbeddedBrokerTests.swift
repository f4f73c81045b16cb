import Engine
import Events
import Foundation
import StateStore
import Streaming
import Testing

@testable import Delivery

/// The production loop with librdkafka's own clients, against its mock cluster with errors, crashes and long round
/// trips. The mock keeps no transactions: what is proved here is that the loop goes on, and that every event has a list.
@Suite struct EmbeddedBrokerTests {
    enum World: DeliveryWorld {
        typealias Consumer = Streaming.Consumer
        typealias Reader = Streaming.Consumer
        typealias Producer = Streaming.Producer
        typealias Store = ScriptedStore
        typealias Time = RunningTime
    }

    struct RunningTime: TimeSource {
        private let started = ContinuousClock.now

        func elapsed() -> Duration { ContinuousClock.now - started }
        func wall() -> Timestamp { ScriptedWorld.now }
    }

    private let broker: EmbeddedBroker
    private let store = ScriptedStore()
    private let told = Told()

    /// The kinds of notices that came.
    private final class Told {
        var kinds: Set<String> = []
        var newest: [String] = []
    }

    init() throws {
        broker = try EmbeddedBroker(brokers: 1)
        for topic in ["events", "recommendations", "events.dlq"] { try broker.createTopic(topic, partitions: 2) }
    }

    /// What the daemon would be set to, but for waits that a test has no time for.
    private func kafka(_ guarantee: DeliveryConfiguration.Guarantee, group: String = "freshet") -> KafkaConfiguration {
        var kafka = KafkaConfiguration(bootstrapServers: broker.bootstrapServers, groupID: group)
        kafka.properties = [
            "fetch.wait.max.ms": "10", "session.timeout.ms": "6000", "reconnect.backoff.ms": "10",
            "reconnect.backoff.max.ms": "50",
        ]
        if guarantee == .exactlyOnce { kafka.transactionalID = "freshet" }
        return kafka
    }

    private func loop(_ guarantee: DeliveryConfiguration.Guarantee) throws -> DeliveryLoop<World> {
        var configuration = DeliveryConfiguration()
        configuration.guarantee = guarantee
        configuration.checkpointInterval = .seconds(3600)
        guard let decoder = EventDecoder(fields: EventFields(), limits: EventLimits()) else {
            preconditionFailure("a parser of the default limits can be made")
        }
        let kafka = kafka(guarantee)
        let wakeup = try Wakeup()
        let topics = ["recommendations", "events.dlq"]
        let makeProducer = { () throws(StreamingError) -> Producer in try Producer(kafka, topics: topics, wakeup: wakeup) }
        return DeliveryLoop(
            configuration, engine: try ScriptedWorld.engine(), decoder: decoder,
            consumer: try Consumer(kafka, topics: ["events"], wakeup: wakeup), reader: nil, producer: try makeProducer(),
            store: store, time: RunningTime(), makeProducer: makeProducer)
    }

    /// Writes events that a loop reads, and reads the lists that it writes.
    private final class Shop {
        private let producer: Producer
        private let reader: Consumer
        private var sent = 0
        private(set) var answered: Set<String> = []

        init(_ kafka: KafkaConfiguration) throws {
            var plain = kafka
            plain.transactionalID = nil
            producer = try Producer(plain, topics: ["events"])
            reader = try Consumer(plain, topics: [])
            try reader.assign([
                TopicPartition(topic: "recommendations", partition: 0): 0, TopicPartition(topic: "recommendations", partition: 1): 0,
            ])
        }

        var sentCount: Int { sent }

        func sell(_ count: Int) throws {
            for _ in 0..<count {
                let value = #"{"user":"u\#(sent % 5)","item":"i\#(sent % 7)","timestamp":\#(ScriptedWorld.now.milliseconds)}"#
                try producer.send(
                    OutgoingRecord(topic: "events", key: Array("u\(sent % 5)".utf8), value: Array(value.utf8)), token: UInt(sent + 1))
                sent += 1
            }
            var reports: [DeliveryReport] = []
            while producer.inFlight > 0 { producer.poll(into: &reports, timeout: .milliseconds(50)) }
        }

        func readLists() {
            var events: [ConsumerEvent] = []
            reader.poll(into: &events, eventsMax: 10_000, timeout: .zero)
            for case .record(let record) in events {
                answered.insert(OutgoingRecord(topic: "", key: nil, value: record.value).answers)
            }
        }
    }

    /// Runs the loop until every event that was sent has a list, at most `seconds`.
    private func run(_ loop: inout DeliveryLoop<World>, _ shop: Shop, seconds: Int) throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while shop.answered.count < shop.sentCount, ContinuousClock.now < deadline {
            try loop.turn()
            shop.readLists()
            let notices = loop.takeNotices()
            told.kinds.formUnion(notices.map(\.kind))
            told.newest = (told.newest + notices.map(\.description)).suffix(12)
        }
        try #require(shop.answered.count == shop.sentCount, "\(shop.answered.count) of \(shop.sentCount): \(told.newest)")
    }

    /// Crashes of each kind that a run has: a hundred where FRESHET_TEST_CRASHES says so.
    private static let crashes = ProcessInfo.processInfo.environment["FRESHET_TEST_CRASHES"].flatMap { Int($0) } ?? 8

    @Test(arguments: [DeliveryConfiguration.Guarantee.atLeastOnce, .exactlyOnce])
    func brokerCrashesNeverEndTheLoop(guarantee: DeliveryConfiguration.Guarantee) throws {
        let shop = try Shop(kafka(guarantee))
        var loop = try loop(guarantee)
        try shop.sell(5)
        try run(&loop, shop, seconds: 30)
        var generator = SystemSeed(state: 16)
        for crash in 0..<Self.crashes {
            try shop.sell(8)
            for _ in 0..<generator.next(below: 12) { try loop.turn() }
            broker.setBroker(1, isUp: false)
            let back = ContinuousClock.now + .milliseconds(20 + generator.next(below: 200))
            while ContinuousClock.now < back { try loop.turn() }
            // What a coordinator that has lost its memory says.
            if crash % 4 == 3 { broker.refuse(.endTransaction, with: [.invalidTransactionState]) }
            broker.setBroker(1, isUp: true)
            try run(&loop, shop, seconds: 30)
        }
        #expect(loop.report().events.accepted == UInt64(shop.sentCount))
        if guarantee == .exactlyOnce, Self.crashes >= 4 {
            #expect(told.kinds.contains("producer replaced"))
        }
        try loop.drain()
    }

    private static let refusals: [(EmbeddedBroker.Request, [EmbeddedBroker.Refusal])] = [
        (.endTransaction, [.invalidTransactionState]), (.endTransaction, [.coordinatorNotAvailable, .notCoordinator]),
        (.endTransaction, [.requestTimedOut]), (.addPartitionsToTransaction, [.coordinatorNotAvailable]),
        (.addPartitionsToTransaction, [.invalidTransactionState]), (.addOffsetsToTransaction, [.notCoordinator]),
        (.addOffsetsToTransaction, [.unknownProducerID]), (.transactionOffsetCommit, [.coordinatorNotAvailable]),
        (.produce, [.outOfOrderSequence]), (.produce, [.recordListTooLarge]),
    ]

    @Test(arguments: [DeliveryConfiguration.Guarantee.atLeastOnce, .exactlyOnce])
    func whatTheBrokersRefuseIsHealed(guarantee: DeliveryConfiguration.Guarantee) throws {
        let shop = try Shop(kafka(guarantee))
        if guarantee == .exactlyOnce { broker.refuse(.initProducerID, with: [.coordinatorNotAvailable, .notCoordinator]) }
        var loop = try loop(guarantee)
        try shop.sell(2)
        try run(&loop, shop, seconds: 30)
        for (request, refusals) in Self.refusals where guarantee == .exactlyOnce || request == .produce {
            try shop.sell(6)
            broker.refuse(request, with: refusals)
            try run(&loop, shop, seconds: 30)
        }
        #expect(loop.report().undeliverable == 0, "what was refused with others went alone")
        try loop.drain()
    }

    @Test(arguments: [DeliveryConfiguration.Guarantee.atLeastOnce, .exactlyOnce], [false, true])
    func aDrainEndsWhateverTheBrokerDoes(guarantee: DeliveryConfiguration.Guarantee, isFrozen: Bool) throws {
        let shop = try Shop(kafka(guarantee))
        var loop = try loop(guarantee)
        try shop.sell(5)
        try run(&loop, shop, seconds: 30)
        try shop.sell(5)
        let learned = { (loop: borrowing DeliveryLoop<World>) in loop.report().events.accepted }
        while learned(loop) < 10 { try loop.turn() }
        if isFrozen { broker.setRoundTrip(of: 1, .seconds(600)) } else { broker.setBroker(1, isUp: false) }
        let began = ContinuousClock.now
        try loop.drain()
        #expect(ContinuousClock.now - began < .seconds(20))
        #expect(store.checkpoints.last?.offsets.values.reduce(0, +) == 10)
        broker.setRoundTrip(of: 1, .zero)
    }
}

/// SplitMix64.
private struct SystemSeed {
    var state: UInt64

    mutating func next(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }
}
