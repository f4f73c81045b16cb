import Engine
import Events
import Streaming
import Testing

@testable import Delivery

/// `recommendations.min_interval`: at most one list a user in this time, the newest always.
@Suite struct IntervalTests {
    private let consumer = ScriptedConsumer()
    private let producer: ScriptedProducer

    init() { producer = ScriptedProducer(consumer) }

    private func started() throws -> DeliveryLoop<ScriptedWorld> {
        var loop = try ScriptedWorld.loop(
            .atLeastOnce, consumer, producer, store: ScriptedStore(), engine: try ScriptedWorld.engine())
        loop.configuration.listInterval = .seconds(2)
        loop.configuration.commitInterval = .zero
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        try loop.turn()
        return loop
    }

    @Test func whatComesWithinTheIntervalIsOneListOfTheNewestEvent() throws {
        var loop = try started()
        // One user's: 0, 3, 6, 9; the others' 1 and 2.
        consumer.polls = [[0, 1, 2, 3].map { ScriptedWorld.record($0) }, [6].map { ScriptedWorld.record($0) }]
        for _ in 0..<2 { try loop.turn() }
        #expect(producer.visible.map(\.answers) == ["0@0", "0@1", "0@2"])
        #expect(loop.engine.eventCount == 5)
        // What waits holds its offset back.
        #expect(consumer.committed == [ScriptedWorld.events: 3])
        consumer.time.now += .seconds(2)
        try loop.turn()
        #expect(producer.visible.map(\.answers) == ["0@0", "0@1", "0@2", "0@6"])
        try loop.turn()
        #expect(consumer.committed == [ScriptedWorld.events: 7])
        // The interval begins anew with the list that waited, and ends.
        consumer.polls = [[ScriptedWorld.record(9)]]
        try loop.turn()
        #expect(producer.visible.count == 4)
        consumer.time.now += .seconds(5)
        try loop.turn()
        #expect(producer.visible.map(\.answers).last == "0@9")
        consumer.time.now += .seconds(5)
        consumer.polls = [[ScriptedWorld.record(12)]]
        try loop.turn()
        #expect(producer.visible.map(\.answers).last == "0@12")
    }

    @Test func manyEventsNeverMakeMoreListsThanIntervals() throws {
        var loop = try started()
        for offset in 0..<300 {
            consumer.polls = [[ScriptedWorld.record(Int64(offset * 3))]]
            consumer.time.now += .milliseconds(100)
            try loop.turn()
        }
        // 30 seconds of one user, every two seconds a list.
        #expect((14...16).contains(producer.visible.count))
        consumer.time.now += .seconds(2)
        for _ in 0..<2 { try loop.turn() }
        #expect(producer.visible.last?.answers == "0@897")
        #expect(consumer.committed == [ScriptedWorld.events: 898])
    }

    @Test func whatWaitsGoesOutWhenThePartitionGoesAndAtTheEnd() throws {
        var loop = try started()
        consumer.polls = [[0, 3].map { ScriptedWorld.record($0) }, [.revoked([ScriptedWorld.events])]]
        for _ in 0..<2 { try loop.turn() }
        #expect(producer.visible.map(\.answers) == ["0@0", "0@3"])
        #expect(consumer.committed == [ScriptedWorld.events: 4])
    }

    /// A user in two partitions: where the one with the newest event goes, the other's events are still owed a list.
    @Test func theLossOfOnePartitionLeavesTheListOfTheOther() throws {
        var loop = try started()
        let other = ScriptedWorld.other
        consumer.polls = [
            [.assigned([other])], [0, 3].map { ScriptedWorld.record($0) } + [ScriptedWorld.record(0, other)], [.lost([other])],
        ]
        for _ in 0..<3 { try loop.turn() }
        #expect(producer.visible.map(\.answers) == ["0@0"])
        consumer.time.now += .seconds(2)
        for _ in 0..<2 { try loop.turn() }
        #expect(producer.visible.map(\.answers) == ["0@0", "0@3"])
        #expect(consumer.committed[ScriptedWorld.events] == 4)
    }

    /// The same once the list is on its way.
    @Test func aListThatAnswersTwoPartitionsIsSentForTheOneThatIsLeft() throws {
        var loop = try started()
        let other = ScriptedWorld.other
        producer.acknowledges = false
        consumer.polls = [
            [.assigned([other])], [0, 3].map { ScriptedWorld.record($0) } + [ScriptedWorld.record(0, other)],
        ]
        for _ in 0..<2 { try loop.turn() }
        consumer.time.now += .seconds(2)
        try loop.turn()
        consumer.polls = [[.lost([other])]]
        try loop.turn()
        producer.acknowledges = true
        for _ in 0..<3 { try loop.turn() }
        #expect(consumer.committed[ScriptedWorld.events] == 4)
        #expect(loop.waitingCount == 0)
    }

    @Test func aForgottenUserGetsNoListThatWaited() throws {
        var loop = try started()
        let forget = KafkaRecord(
            source: RecordSource(topicPartition: ScriptedWorld.events, offset: 4), timestamp: nil, key: Array("u0".utf8),
            value: nil, headers: [])
        consumer.polls = [[0, 3].map { ScriptedWorld.record($0) } + [.record(forget)]]
        try loop.turn()
        consumer.time.now += .seconds(3)
        for _ in 0..<2 { try loop.turn() }
        #expect(producer.visible.map(\.value).map { $0 == nil } == [false, true])
        #expect(consumer.committed == [ScriptedWorld.events: 5])
    }

    @Test func whatIsLostWaitsForNobody() throws {
        var loop = try started()
        consumer.polls = [[0, 3].map { ScriptedWorld.record($0) }, [.lost([ScriptedWorld.events])]]
        for _ in 0..<2 { try loop.turn() }
        consumer.time.now += .seconds(3)
        try loop.turn()
        #expect(producer.visible.map(\.answers) == ["0@0"])
    }
}
