import Events
import Streaming
import Testing

@testable import Delivery

/// Records of the changelog that somebody, or something, has damaged: value, key and headers. Each is a session, a
/// tombstone or nothing, and the partition is served after them.
@Suite struct ChangelogMutationTests {
    private static let changelog = TopicPartition(topic: "sessions", partition: 0)
    private static let batch = 1000
    private static let batches = 50
    /// Users that ``ScriptedWorld/engine()`` keeps.
    private static let usersMax = 50

    private struct Generator {
        var state: UInt64

        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(max(1, bound)))
        }

        /// After none to four changes.
        mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
            var bytes = bytes
            for _ in 0..<below(5) {
                let place = below(bytes.count + 1)
                switch below(5) {
                case 0: if place < bytes.count { bytes[place] = UInt8(below(256)) }
                case 1: if place < bytes.count { bytes[place] = UInt8(48 + below(10)) }
                case 2: bytes.removeSubrange(place..<min(bytes.count, place + below(20)))
                case 3: bytes.insert(contentsOf: Array(["9223372036854775807", "-", " ", "\u{0}", "\"", "}"][below(6)].utf8), at: place)
                default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + below(20))], at: below(bytes.count + 1))
                }
            }
            return bytes
        }

        private static let seed: [UInt8] = Array(
            (#"{"user":"u1","events":[{"item":"i1","type":"view","gap":1},{"item":"i2","type":"purchase","gap":15}],"#
                + #""purchased":[{"item":"i2","type":"purchase","gap":15}],"ids":"AAAAAAAAAAAAAAAAAAAAAA==","#
                + #""newest":1767225600123,"through":{"topic":"events","partition":0,"offset":7}}"#).utf8)

        mutating func record(at place: Int64) -> ConsumerEvent {
            let isTombstone = below(3) == 0
            let user = "u\(below(80))"
            let value = String(decoding: Self.seed, as: UTF8.self).replacing(#""u1""#, with: "\"\(user)\"")
            var headers: [KafkaHeader] = []
            for _ in 0..<below(3) {
                let (name, text) = below(2) == 0
                    ? ("freshet.through", Array("events 0 \(below(12))".utf8))
                    : ("freshet.ids", (0..<16 * below(4)).map { _ in UInt8(below(256)) })
                headers.append(KafkaHeader(name: below(9) == 0 ? "other" : name, value: below(9) == 0 ? nil : mutated(text)))
            }
            return .record(
                KafkaRecord(
                    source: RecordSource(topicPartition: ChangelogMutationTests.changelog, offset: place), timestamp: nil,
                    key: below(20) == 0 ? nil : mutated(Array(user.utf8)), value: isTombstone ? nil : mutated(Array(value.utf8)),
                    headers: headers))
        }
    }

    @Test func fiftyThousandMutatedRecordsAreReadBackOrPassedOver() throws {
        let (consumer, reader, store) = (ScriptedConsumer(), ScriptedConsumer(), ScriptedStore())
        let producer = ScriptedProducer(consumer)
        var loop = try ScriptedWorld.loop(
            .atLeastOnce, consumer, producer, store: store, engine: try ScriptedWorld.engine(), reader: reader)
        let count = Int64(Self.batches * Self.batch)
        consumer.committed = [ScriptedWorld.events: 5]
        reader.ranges[Self.changelog] = 0..<count
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        var generator = Generator(state: 7)
        var place: Int64 = 0
        for _ in 0..<Self.batches {
            reader.polls.append(
                (0..<Self.batch).map { _ in
                    defer { place += 1 }
                    return generator.record(at: place)
                })
        }
        reader.polls.append([.endOfPartition(Self.changelog, offset: count)])
        while consumer.assignments.isEmpty, consumer.time.now < .seconds(600) {
            try loop.turn()
            #expect(loop.engine.userCount <= Self.usersMax)
        }
        // Nothing of it stops the partition, and both kinds were met often.
        #expect(consumer.assignments == [[ScriptedWorld.events: 5]])
        let restored = loop.report().restoredSessions
        #expect(restored > 2000 && restored < UInt64(count) / 2)
        // An engine that took in damage would not end in a state that can be written, or would answer nothing.
        consumer.polls = [(5..<30).map { ScriptedWorld.record($0) }]
        for _ in 0..<3 { try loop.turn() }
        #expect(producer.visible.filter { $0.topic == "recommendations" }.count == 25)
        try loop.drain()
        #expect(store.checkpoints.last?.offsets == [ScriptedWorld.events: 30])
    }
}
