import Events
import Foundation
import Testing

@testable import Streaming

/// The plumbing against the embedded broker; against a real one too where FRESHET_TEST_BOOTSTRAP names it.
@Suite(.serialized) struct StreamingTests {
    /// Every wait is bounded by this many turns of a tenth of a second.
    private static let turnsMax = 300

    private func configuration(_ broker: EmbeddedBroker, group: String = "group") -> KafkaConfiguration {
        var configuration = KafkaConfiguration(bootstrapServers: broker.bootstrapServers, groupID: group)
        configuration.properties = ["fetch.wait.max.ms": "10", "session.timeout.ms": "6000"]
        return configuration
    }

    /// Sends, and waits for all to be delivered.
    private func deliver(_ records: [OutgoingRecord], _ producer: Producer) throws {
        for (place, record) in records.enumerated() { try producer.send(record, token: UInt(place + 1)) }
        var reports: [DeliveryReport] = []
        for _ in 0..<Self.turnsMax where reports.count < records.count {
            producer.poll(into: &reports, timeout: .milliseconds(100))
        }
        #expect(reports.count == records.count)
        #expect(reports.allSatisfy { $0.failure == nil })
        #expect(Set(reports.map(\.token)) == Set(1...UInt(records.count)))
    }

    /// Reads until `count` records are there, answering assignments as the daemon does.
    private func read(_ count: Int, _ consumer: Consumer) throws -> [KafkaRecord] {
        var records: [KafkaRecord] = []
        var events: [ConsumerEvent] = []
        for _ in 0..<Self.turnsMax where records.count < count {
            events.removeAll()
            consumer.poll(into: &events, eventsMax: 1000, timeout: .milliseconds(100))
            for event in events {
                switch event {
                case .record(let record): records.append(record)
                case .assigned(let partitions):
                    let committed = try consumer.committedOffsets(for: partitions, timeout: .seconds(10))
                    try consumer.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, committed[$0] ?? 0) }))
                case .revoked(let partitions), .lost(let partitions): try consumer.unassign(partitions)
                case .failure, .statistics, .committed, .commitFailed, .outOfRange, .endOfPartition: continue
                }
            }
        }
        return records
    }

    @Test func aRecordArrivesByteForByte() throws {
        let broker = try EmbeddedBroker(brokers: 1)
        try broker.createTopic("events", partitions: 2)
        let producer = try Producer(configuration(broker), topics: ["events"])
        let sent = [
            OutgoingRecord(topic: "events", key: Array("u1".utf8), value: [0, 255, 7], headers: [
                KafkaHeader(name: "traceparent", text: "00-a-b-01"), KafkaHeader(name: "none", value: nil), KafkaHeader(name: "empty", value: []),
            ]),
            OutgoingRecord(topic: "events", key: Array("u2".utf8), value: nil),
            OutgoingRecord(topic: "events", key: nil, value: []),
            OutgoingRecord(topic: "events", key: [], value: Array(repeating: 65, count: 200_000)),
        ]
        try deliver(sent, producer)
        let consumer = try Consumer(configuration(broker), topics: ["events"])
        let received = try read(4, consumer)
        consumer.close(timeout: .seconds(5))
        for record in sent {
            let found = received.first { $0.key == record.key && $0.value == record.value }
            #expect(found != nil, "\(record.key ?? []) is missing")
            #expect(found?.headers == record.headers)
            #expect(found?.timestamp != nil)
        }
    }

    @Test func whatIsPausedIsReadLaterAndWhole() throws {
        let broker = try EmbeddedBroker(brokers: 1)
        try broker.createTopic("events", partitions: 1)
        let producer = try Producer(configuration(broker), topics: ["events"])
        let partition = TopicPartition(topic: "events", partition: 0)
        try deliver((0..<40 as Range<UInt8>).map { OutgoingRecord(topic: "events", key: nil, value: [$0]) }, producer)
        let consumer = try Consumer(configuration(broker), topics: [])
        try consumer.assign([partition: 0])
        var events: [ConsumerEvent] = []
        var values: [UInt8] = []
        func poll(_ count: Int) {
            events.removeAll()
            consumer.poll(into: &events, eventsMax: count, timeout: .milliseconds(100))
            for case .record(let record) in events { values += record.value ?? [] }
        }
        for _ in 0..<Self.turnsMax where values.count < 10 { poll(10 - values.count) }
        // Thirty more were fetched already: none of them comes while reading is paused.
        try consumer.pause([partition])
        for _ in 0..<5 { poll(100) }
        #expect(values == Array(0..<10))
        try consumer.resume([partition])
        for _ in 0..<Self.turnsMax where values.count < 40 { poll(100) }
        #expect(values == Array(0..<40))
        consumer.close(timeout: .seconds(5))
    }

    @Test func keysLandWhereTheJavaClientPutsThem() throws {
        let broker = try EmbeddedBroker(brokers: 1)
        try broker.createTopic("lists", partitions: 4)
        let producer = try Producer(configuration(broker), topics: ["lists"])
        // Kafka's own test vectors of Utils.murmur2 (UtilsTest.java); the partition is (hash & 0x7fffffff) % 4.
        let hashes: [String: Int32] = ["21": -973_932_308, "foobar": -790_332_482, "a-little-bit-long-string": -985_981_536, "abc": 479_470_107]
        try deliver(hashes.keys.map { OutgoingRecord(topic: "lists", key: Array($0.utf8), value: [1]) }, producer)
        let consumer = try Consumer(configuration(broker), topics: ["lists"])
        let received = try read(hashes.count, consumer)
        consumer.close(timeout: .seconds(5))
        #expect(received.count == hashes.count)
        for record in received {
            let key = String(decoding: record.key ?? [], as: UTF8.self)
            let hash = try #require(hashes[key])
            #expect(record.source.topicPartition.partition == (hash & 0x7fff_ffff) % 4, "\(key)")
        }
    }

    @Test func readingGoesOnWhereTheGroupCommitted() throws {
        let broker = try EmbeddedBroker(brokers: 1)
        try broker.createTopic("events", partitions: 1)
        let producer = try Producer(configuration(broker), topics: ["events"])
        try deliver((0..<10).map { OutgoingRecord(topic: "events", key: [UInt8($0)], value: [UInt8($0)]) }, producer)
        let place = TopicPartition(topic: "events", partition: 0)
        do {
            let first = try Consumer(configuration(broker), topics: ["events"])
            #expect(try read(10, first).map(\.source.offset) == Array(0..<10))
            #expect(try first.committedOffsets(for: [place], timeout: .seconds(5)) == [:])
            try first.commit([place: 4], within: .seconds(10))
            #expect(try first.committedOffsets(for: [place], timeout: .seconds(5)) == [place: 4])
            // Without waiting the outcome is an event.
            try first.commit([place: 4])
            var events: [ConsumerEvent] = []
            for _ in 0..<Self.turnsMax where events.isEmpty {
                first.poll(into: &events, eventsMax: 1, timeout: .milliseconds(100))
                events.removeAll { if case .committed = $0 { false } else { true } }
            }
            guard case .committed([place: 4])? = events.first else {
                Issue.record("no word of a commit")
                return
            }
            first.close(timeout: .seconds(5))
        }
        let second = try Consumer(configuration(broker), topics: ["events"])
        #expect(try read(6, second).map(\.source.offset) == Array(4..<10))
        second.close(timeout: .seconds(5))
    }

    /// Reads with a reader until the end of `partition` is said.
    private func readToEnd(_ reader: Consumer, _ partition: TopicPartition) -> (records: [KafkaRecord], end: Int64?) {
        var records: [KafkaRecord] = []
        var events: [ConsumerEvent] = []
        for _ in 0..<Self.turnsMax {
            events.removeAll()
            reader.poll(into: &events, eventsMax: 1000, timeout: .milliseconds(100))
            for event in events {
                switch event {
                case .record(let record): records.append(record)
                case .endOfPartition(partition, let offset): return (records, offset)
                case .failure(let error): Issue.record(error)
                default: continue
                }
            }
        }
        return (records, nil)
    }

    @Test func aReaderOutsideOfAnyGroupReadsPartitionsToTheirEnds() throws {
        let broker = try EmbeddedBroker(brokers: 1)
        try broker.createTopic("sessions", partitions: 3)
        let producer = try Producer(configuration(broker), topics: ["sessions"])
        var record = OutgoingRecord(topic: "sessions", key: [1], value: [7])
        record.partition = 2
        try deliver([record, record], producer)
        let reader = try Consumer(configuration(broker), topics: [])
        #expect(try reader.partitionCount(of: "sessions", timeout: .seconds(10)) == 3)
        let (full, empty) = (TopicPartition(topic: "sessions", partition: 2), TopicPartition(topic: "sessions", partition: 1))
        #expect(try reader.offsetRange(of: full, timeout: .seconds(10)) == 0..<2)
        #expect(try reader.offsetRange(of: empty, timeout: .seconds(10)) == 0..<0)
        try reader.assign([full: 0])
        let first = readToEnd(reader, full)
        #expect(first.records.map(\.value) == [[7], [7]])
        #expect(first.end == 2)
        try reader.assign([empty: 0])
        #expect(readToEnd(reader, empty).end == 0)
        // Once more, from the middle.
        try reader.unassign([full])
        try reader.assign([full: 1])
        let again = readToEnd(reader, full)
        #expect(again.records.count == 1)
        #expect(again.end == 2)
    }

    @Test func recordsThatAreGoneAreAnEvent() throws {
        let broker = try EmbeddedBroker(brokers: 1)
        try broker.createTopic("events", partitions: 1)
        let producer = try Producer(configuration(broker), topics: ["events"])
        // The embedded broker keeps 5 MiB a partition.
        for _ in 0..<40 {
            try deliver((0..<4).map { _ in OutgoingRecord(topic: "events", key: nil, value: [UInt8](repeating: 65, count: 50_000)) }, producer)
        }
        let place = TopicPartition(topic: "events", partition: 0)
        let consumer = try Consumer(configuration(broker), topics: [])
        let range = try consumer.offsetRange(of: place, timeout: .seconds(10))
        #expect(range.lowerBound > 0)
        try consumer.assign([place: 0])
        var events: [ConsumerEvent] = []
        for _ in 0..<Self.turnsMax where events.isEmpty {
            consumer.poll(into: &events, eventsMax: 1, timeout: .milliseconds(100))
            events.removeAll { if case .statistics = $0 { true } else { false } }
        }
        guard case .outOfRange(place)? = events.first else {
            Issue.record("\(String(describing: events.first)) instead of an end of range")
            return
        }
        try consumer.unassign([place])
        try consumer.assign([place: range.lowerBound])
        events.removeAll()
        for _ in 0..<Self.turnsMax where events.isEmpty {
            consumer.poll(into: &events, eventsMax: 1, timeout: .milliseconds(100))
            events.removeAll { if case .record = $0 { false } else { true } }
        }
        guard case .record(let record)? = events.first else { return }
        #expect(record.source.offset == range.lowerBound)
    }

    @Test func aBrokerThatComesBackIsFound() throws {
        let broker = try EmbeddedBroker(brokers: 1)
        try broker.createTopic("events", partitions: 1)
        let producer = try Producer(configuration(broker), topics: ["events"])
        try deliver([OutgoingRecord(topic: "events", key: nil, value: [1])], producer)
        broker.setBroker(1, isUp: false)
        try producer.send(OutgoingRecord(topic: "events", key: nil, value: [2]), token: 7)
        var reports: [DeliveryReport] = []
        producer.poll(into: &reports, timeout: .milliseconds(300))
        #expect(reports.isEmpty)
        #expect(producer.inFlight == 1)
        broker.setBroker(1, isUp: true)
        for _ in 0..<Self.turnsMax where reports.isEmpty { producer.poll(into: &reports, timeout: .milliseconds(100)) }
        #expect(reports.map(\.token) == [7])
        #expect(reports.first?.failure == nil)
    }

    @Test func aRecordTooLargeIsRefusedAloneAndTheNextOneGoes() throws {
        let broker = try EmbeddedBroker(brokers: 1)
        try broker.createTopic("events", partitions: 1)
        var small = configuration(broker)
        small.properties["message.max.bytes"] = "2000"
        let producer = try Producer(small, topics: ["events"])
        do throws(StreamingError) {
            try producer.send(OutgoingRecord(topic: "events", key: nil, value: [UInt8](repeating: 1, count: 5000)), token: 1)
            Issue.record("5000 bytes went through a limit of 2000")
        } catch {
            #expect(error.recovery == .passOver)
        }
        try deliver([OutgoingRecord(topic: "events", key: nil, value: [2])], producer)
    }

    @Test func theProbeTellsWhatIsThere() throws {
        let broker = try EmbeddedBroker(brokers: 1)
        try broker.createTopic("events", partitions: 3)
        #expect(try ClusterProbe.topics(of: configuration(broker), timeout: .seconds(10)) == ["events": 3])
        let nobody = KafkaConfiguration(bootstrapServers: "127.0.0.1:1", groupID: "g")
        #expect(throws: StreamingError.self) { try ClusterProbe.topics(of: nobody, timeout: .milliseconds(500)) }
    }

    @Test func aPropertyThatDoesNotExistIsNamed() {
        var configuration = KafkaConfiguration(bootstrapServers: "127.0.0.1:1", groupID: "g")
        configuration.properties = ["no.such.property": "1"]
        do throws(StreamingError) {
            _ = try Producer(configuration, topics: [])
            Issue.record("a property that does not exist was taken")
        } catch {
            #expect(error.recovery == .reconfigure)
            #expect(error.description.contains("no.such.property"))
        }
    }

    @Test func aDeadLetterKeepsTheRecordAndSaysWhereItWas() {
        let record = KafkaRecord(
            source: RecordSource(topicPartition: TopicPartition(topic: "events", partition: 3), offset: 991),
            timestamp: nil, key: [1, 0], value: [0xFF], headers: [KafkaHeader(name: "own", value: [9])])
        let letter = OutgoingRecord.deadLetter(
            record, topic: "events.dlq", stage: "VALUE_CONVERTER", reason: "freshet.EventRefusal.not_json", message: "why")
        #expect(letter.key == [1, 0])
        #expect(letter.value == [0xFF])
        let headers = Dictionary(uniqueKeysWithValues: letter.headers.map { ($0.name, String(decoding: $0.value ?? [], as: UTF8.self)) })
        #expect(headers == [
            "own": "\t", "__connect.errors.topic": "events", "__connect.errors.partition": "3",
            "__connect.errors.offset": "991", "__connect.errors.stage": "VALUE_CONVERTER",
            "__connect.errors.exception.class.name": "freshet.EventRefusal.not_json", "__connect.errors.exception.message": "why",
        ])
    }

    private static let realBroker = ProcessInfo.processInfo.environment["FRESHET_TEST_BOOTSTRAP"]

    @Test(.enabled(if: realBroker != nil, "FRESHET_TEST_BOOTSTRAP names no broker"))
    func aRealBrokerTakesAndGives() throws {
        let servers = try #require(Self.realBroker)
        let topic = "freshet-test-\(UUID().uuidString)"
        let kafka = KafkaConfiguration(bootstrapServers: servers, groupID: topic)
        try TopicCreation.create([topic: "delete"], partitions: 2, replicas: 1, by: kafka, timeout: .seconds(120))
        #expect(try ClusterProbe.topics(of: kafka, timeout: .seconds(30))[topic] == 2)
        let producer = try Producer(kafka, topics: [topic])
        let sent = (0..<20).map { OutgoingRecord(topic: topic, key: [UInt8($0)], value: $0 % 5 == 0 ? nil : [UInt8($0), 0]) }
        try deliver(sent, producer)
        let consumer = try Consumer(kafka, topics: [topic])
        let received = try read(sent.count, consumer)
        consumer.close(timeout: .seconds(5))
        #expect(Set(received.map(\.key)) == Set(sent.map(\.key)))
    }
}
