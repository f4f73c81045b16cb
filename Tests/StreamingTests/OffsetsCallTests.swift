import Events
import Testing

@testable import Streaming

@Suite struct OffsetsCallTests {
    /// Every wait is bounded by this many turns of a tenth of a second.
    private static let turnsMax = 300

    /// Joins the group, as far as a transaction needs it.
    private func membership(_ consumer: Consumer) throws -> GroupMetadata {
        var events: [ConsumerEvent] = []
        for _ in 0..<Self.turnsMax {
            events.removeAll()
            consumer.poll(into: &events, eventsMax: 100, timeout: .milliseconds(100))
            for case .assigned(let partitions) in events {
                try consumer.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, 0) }))
                return try consumer.groupMetadata()
            }
        }
        throw StreamingError.cannotStart(reason: "no partition was assigned")
    }

    /// librdkafka itself would wait here until the broker is back.
    @Test(.timeLimit(.minutes(1))) func offsetsAreWaitedForWithALimitWhileTheirCoordinatorIsAway() throws {
        let broker = try EmbeddedBroker(brokers: 2)
        try broker.createTopic("events", partitions: 1)
        broker.coordinate(group: "group", by: 2)
        broker.coordinate(transactionalID: "instance", by: 1)
        var configuration = KafkaConfiguration(bootstrapServers: broker.bootstrapServers, groupID: "group")
        configuration.transactionalID = "instance"
        let consumer = try Consumer(configuration, topics: ["events"])
        let group = try membership(consumer)
        let producer = try Producer(configuration, topics: ["events"])
        try producer.initTransactions(timeout: .seconds(10))
        try producer.beginTransaction()
        broker.setBroker(2, isUp: false)
        let offsets = [TopicPartition(topic: "events", partition: 0): Int64(1)]
        for _ in 0..<3 {
            let error = #expect(throws: TransactionError.self) {
                try producer.sendOffsets(offsets, group: group, timeout: .milliseconds(300))
            }
            #expect(error?.recovery == .retry)
        }
        // Whoever gives it up is told to wait for it, too.
        let conflict = #expect(throws: TransactionError.self) { try producer.abortTransaction(timeout: .milliseconds(50)) }
        #expect(conflict?.recovery == .retry)
        broker.setBroker(2, isUp: true)
        // The same call ends: well, or by asking for an abort, as it is late.
        var outcome = TransactionError.Recovery.retry
        for _ in 0..<Self.turnsMax where outcome == .retry {
            do throws(TransactionError) {
                try producer.sendOffsets(offsets, group: group, timeout: .milliseconds(100))
                break
            } catch { outcome = error.recovery }
        }
        #expect(outcome == .retry || outcome == .abort)
        var isAborted = false
        for _ in 0..<Self.turnsMax where !isAborted {
            do throws(TransactionError) {
                try producer.abortTransaction(timeout: .milliseconds(100))
                isAborted = true
            } catch { #expect(error.recovery == .retry) }
        }
        #expect(isAborted)
        try producer.beginTransaction()
    }

    @Test(.timeLimit(.minutes(1))) func aProducerGoesWhileItsOffsetsAreWaitedFor() throws {
        let broker = try EmbeddedBroker(brokers: 2)
        try broker.createTopic("events", partitions: 1)
        broker.coordinate(group: "group", by: 2)
        broker.coordinate(transactionalID: "instance", by: 1)
        var configuration = KafkaConfiguration(bootstrapServers: broker.bootstrapServers, groupID: "group")
        configuration.transactionalID = "instance"
        let consumer = try Consumer(configuration, topics: ["events"])
        let group = try membership(consumer)
        var producer: Producer? = try Producer(configuration, topics: ["events"])
        try producer?.initTransactions(timeout: .seconds(10))
        try producer?.beginTransaction()
        broker.setBroker(2, isUp: false)
        #expect(throws: TransactionError.self) {
            try producer?.sendOffsets([TopicPartition(topic: "events", partition: 0): 1], group: group, timeout: .milliseconds(300))
        }
        weak var old = producer
        producer = nil
        #expect(old == nil)
        // The next one takes over.
        let next = try Producer(configuration, topics: ["events"])
        try next.initTransactions(timeout: .seconds(10))
        try next.beginTransaction()
        broker.setBroker(2, isUp: true)
    }
}
