import Engine
import Events
import Streaming
import Testing

@testable import Delivery

/// A topic that was deleted and made again has the same name and other offsets; so has one of another cluster.
@Suite struct TopicLifeTests {
    private let consumer = ScriptedConsumer()
    private let producer: ScriptedProducer
    private let store = ScriptedStore()
    private let events = ScriptedWorld.events

    init() { producer = ScriptedProducer(consumer) }

    /// A loop whose state has learned `learned` records, the last of them at `time`.
    private func restored(learned: Int64, committed: Int64?, time: Int64 = 500) throws -> DeliveryLoop<ScriptedWorld> {
        var engine = try ScriptedWorld.engine()
        engine.cover(events, next: learned)
        var loop = try ScriptedWorld.loop(.atLeastOnce, consumer, producer, store: store, engine: engine)
        loop.marks = [events: PartitionMark(offset: learned - 1, timestamp: Timestamp(milliseconds: time))]
        consumer.committed = committed.map { [events: $0] } ?? [:]
        return loop
    }

    private func record(_ offset: Int64, time: Int64) -> ConsumerEvent {
        guard case .record(var record) = ScriptedWorld.record(offset) else { return ScriptedWorld.record(offset) }
        record.timestamp = Timestamp(milliseconds: time)
        return .record(record)
    }

    private func run(_ loop: inout DeliveryLoop<ScriptedWorld>, turns: Int) throws {
        for _ in 0..<turns { try loop.turn() }
    }

    @Test func aTopicThatWasMadeAgainIsReadFromItsBeginning() throws {
        var loop = try restored(learned: 100, committed: 100)
        consumer.ranges = [events: 0..<3]
        consumer.polls = [[.assigned([events])]]
        try loop.turn()
        #expect(consumer.assignments.isEmpty, "a leader that was just elected may know of less")
        #expect(loop.takeNotices().contains { $0.kind == "ends early" })
        consumer.time.now += .seconds(11)
        // Its oldest record is younger than the newest that was learned.
        consumer.polls = [[], [record(0, time: 900)], (0..<3).map { record($0, time: 900 + $0) }]
        try run(&loop, turns: 5)
        #expect(consumer.assignments == [[events: 0], [events: 0]])
        #expect(loop.takeNotices().contains { $0.kind == "recreated" })
        #expect(loop.engine.eventCount == 3)
        #expect(loop.engine.nextOffsets[events] == 3)
        #expect(producer.visible.map(\.answers) == ["0@0", "0@1", "0@2"])
        try loop.drain()
        #expect(consumer.committed[events] == 3)
        #expect(store.checkpoints.last?.offsets[events] == 3)
    }

    @Test func aForgetInATopicThatWasMadeAgainForgets() throws {
        var loop = try restored(learned: 100, committed: 100)
        consumer.ranges = [events: 0..<2]
        consumer.polls = [[.assigned([events])]]
        try loop.turn()
        consumer.time.now += .seconds(11)
        let forget = KafkaRecord(
            source: RecordSource(topicPartition: events, offset: 1), timestamp: Timestamp(milliseconds: 901),
            key: Array("u0".utf8), value: nil, headers: [])
        consumer.polls = [[], [record(0, time: 900)], [record(0, time: 900), .record(forget)]]
        try run(&loop, turns: 5)
        #expect(loop.engine.userCount == 0)
        #expect(producer.visible.last?.value == nil)
    }

    @Test func aLogThatComesBackWholeIsNoOtherTopic() throws {
        var loop = try restored(learned: 100, committed: 100)
        consumer.ranges = [events: 0..<3]
        consumer.polls = [[.assigned([events])]]
        try loop.turn()
        consumer.ranges = [events: 0..<100]
        consumer.time.now += .seconds(2)
        consumer.polls = [[], [record(99, time: 500)], [record(100, time: 501)]]
        try run(&loop, turns: 4)
        #expect(consumer.assignments == [[events: 99], [events: 100]])
        #expect(loop.engine.eventCount == 1)
        #expect(!loop.takeNotices().contains { $0.kind == "recreated" })
    }

    @Test func aLogThatLostItsEndIsNotLearnedAgain() throws {
        var loop = try restored(learned: 100, committed: 100)
        consumer.ranges = [events: 0..<90]
        consumer.polls = [[.assigned([events])]]
        try loop.turn()
        consumer.time.now += .seconds(11)
        consumer.polls = [[], [record(0, time: 100)], [record(90, time: 600)]]
        try run(&loop, turns: 4)
        #expect(consumer.assignments == [[events: 0], [events: 90]])
        #expect(loop.takeNotices().contains { $0.kind == "cut off" })
        #expect(loop.engine.eventCount == 1)
        #expect(loop.engine.nextOffsets[events] == 91)
    }

    /// Another cluster, or a topic made again that has outgrown the old one.
    @Test(arguments: [100 as Int64?, nil]) func anotherRecordAtTheSameOffsetIsAnotherTopic(committed: Int64?) throws {
        var loop = try restored(learned: 100, committed: committed)
        consumer.ranges = [events: 0..<500]
        consumer.polls = [[.assigned([events])], [record(99, time: 777)], [record(0, time: 700), record(1, time: 701)]]
        try run(&loop, turns: 5)
        #expect(consumer.assignments == [[events: 99], [events: 0]])
        #expect(loop.takeNotices().contains { $0.kind == "recreated" })
        #expect(loop.engine.eventCount == 2)
        #expect(producer.visible.count == 2)
    }

    @Test func aPartitionThatSaysNothingIsReadAllTheSame() throws {
        var loop = try restored(learned: 100, committed: 100)
        consumer.polls = [[.assigned([events])]]
        try loop.turn()
        consumer.time.now += .seconds(6)
        consumer.polls = []
        try run(&loop, turns: 2)
        #expect(consumer.assignments == [[events: 99], [events: 100]])
    }

    @Test func aTopicThatIsMadeAgainWhileItIsReadIsReadFromItsBeginning() throws {
        var loop = try restored(learned: 100, committed: 100)
        consumer.polls = [[.assigned([events])], [record(99, time: 500)], [record(100, time: 501)]]
        try run(&loop, turns: 4)
        #expect(loop.engine.eventCount == 1)
        consumer.ranges = [events: 0..<2]
        consumer.polls = [[.outOfRange(events)]]
        try loop.turn()
        consumer.time.now += .seconds(11)
        consumer.polls = [[], [record(0, time: 900)], [record(0, time: 900), record(1, time: 901)]]
        try run(&loop, turns: 6)
        #expect(loop.engine.eventCount == 3)
        #expect(loop.engine.nextOffsets[events] == 2)
        #expect(producer.visible.map(\.answers) == ["0@100", "0@0", "0@1"])
    }

    /// With `auto.offset.reset` at the end a new group starts there; a partition that is added later holds events that
    /// came before anybody knew of it.
    @Test func aPartitionThatIsAddedLaterIsReadFromItsBeginning() throws {
        var loop = try ScriptedWorld.loop(.atLeastOnce, consumer, producer, store: store, engine: try ScriptedWorld.engine())
        consumer.startsAtEnd = true
        consumer.ranges = [events: 0..<50, ScriptedWorld.other: 0..<7]
        consumer.polls = [[.assigned([events])], [], [.assigned([ScriptedWorld.other])]]
        try run(&loop, turns: 4)
        #expect(consumer.assignments == [[events: 50], [ScriptedWorld.other: 0]])
    }

    @Test func marksComeBackFromTheirBytes() {
        let marks = [
            events: PartitionMark(offset: 7, timestamp: Timestamp(milliseconds: 9)),
            ScriptedWorld.other: PartitionMark(offset: 0, timestamp: Timestamp(milliseconds: -1)),
        ]
        #expect(PartitionMarks.decode(PartitionMarks.encode(marks)) == marks)
        #expect(PartitionMarks.decode(nil).isEmpty)
        #expect(PartitionMarks.decode(Array("[{".utf8)).isEmpty)
    }
}
