import Engine
import Events
import Streaming
import Testing

@testable import Delivery

/// `at_least_once`, and what both guarantees share.
@Suite struct DeliveryTests {
    private let consumer = ScriptedConsumer()
    private let producer: ScriptedProducer
    private let store = ScriptedStore()

    init() { producer = ScriptedProducer(consumer) }

    private func started() throws -> DeliveryLoop<ScriptedWorld> {
        var loop = try ScriptedWorld.loop(
            .atLeastOnce, consumer, producer, store: store, engine: try ScriptedWorld.engine())
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        try loop.turn()
        return loop
    }

    @Test func offsetsAreCommittedAfterAcknowledgementOnly() throws {
        var loop = try started()
        producer.acknowledges = false
        consumer.polls = [(0..<3).map { ScriptedWorld.record($0) }]
        try loop.turn()
        consumer.time.now += .seconds(2)
        try loop.turn()
        #expect(consumer.committed == [ScriptedWorld.events: 0])
        producer.acknowledges = true
        consumer.time.now += .seconds(2)
        try loop.turn()
        #expect(consumer.committed == [ScriptedWorld.events: 3])
        #expect(producer.visible.map(\.answers) == ["0@0", "0@1", "0@2"])
    }

    @Test func aFailedDeliveryGoesAgain() throws {
        var loop = try started()
        producer.reportFailures = [.kafka(name: "timed out", detail: "", recovery: .retry)]
        consumer.polls = [(0..<2).map { ScriptedWorld.record($0) }]
        for _ in 0..<3 { try loop.turn() }
        #expect(producer.visible.map(\.answers).sorted() == ["0@0", "0@1"])
    }

    @Test func theGroupGetsItsAnswerWhateverItGave() throws {
        var loop = try ScriptedWorld.loop(
            .atLeastOnce, consumer, producer, store: store, engine: try ScriptedWorld.engine())
        consumer.polls = [[.assigned([])]]
        try loop.turn()
        #expect(consumer.answers == 1)
        #expect(consumer.assignments.isEmpty)
    }

    @Test func theGroupIsToldWhereReadingBeginsBeforeAnythingIsRead() throws {
        consumer.ranges = [ScriptedWorld.events: 7..<100]
        consumer.commitsRefused = 1
        _ = try started()
        #expect(consumer.assignments.isEmpty)
        #expect(consumer.committed.isEmpty)
        _ = try started()
        #expect(consumer.committed == [ScriptedWorld.events: 7])
        #expect(consumer.assignments == [[ScriptedWorld.events: 7]])
    }

    @Test func aRefusedCommitIsMadeAgain() throws {
        var loop = try started()
        consumer.commitsRefused = 1
        consumer.polls = [[ScriptedWorld.record(0)]]
        try loop.turn()
        for _ in 0..<3 {
            consumer.time.now += .seconds(1)
            try loop.turn()
        }
        #expect(consumer.committed == [ScriptedWorld.events: 1])
    }

    @Test func aCommitThatFailsLaterIsMadeAgain() throws {
        var loop = try started()
        consumer.polls = [[ScriptedWorld.record(0)]]
        consumer.time.now += .seconds(1)
        try loop.turn()
        #expect(consumer.committed == [ScriptedWorld.events: 1])
        consumer.committed = [:]
        consumer.polls = [[.commitFailed(.kafka(name: "timed out", detail: "", recovery: .retry))]]
        consumer.time.now += .seconds(1)
        try loop.turn()
        #expect(consumer.committed == [ScriptedWorld.events: 1])
    }

    @Test func afterACrashTheGapIsLearnedAndNotAnsweredAgain() throws {
        // Learned up to 0, committed up to 4.
        consumer.committed = [ScriptedWorld.events: 4]
        var engine = try ScriptedWorld.engine()
        engine.skip(RecordSource(topicPartition: ScriptedWorld.events, offset: 0))
        var loop = try ScriptedWorld.loop(.atLeastOnce, consumer, producer, store: store, engine: engine)
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        try loop.turn()
        #expect(consumer.assignments == [[ScriptedWorld.events: 1]])
        consumer.polls = [(1..<6).map { ScriptedWorld.record($0) }]
        try loop.turn()
        #expect(loop.engine.eventCount == 5)
        #expect(producer.visible.map(\.answers) == ["0@4", "0@5"])
    }

    @Test func whatWasLearnedAndNotCommittedIsAnsweredAndNotLearnedAgain() throws {
        var loop = try started()
        producer.acknowledges = false
        consumer.polls = [(0..<3).map { ScriptedWorld.record($0) }, [.lost([ScriptedWorld.events])]]
        try loop.turn()
        try loop.turn()
        let version = loop.engine.modelVersion
        producer.acknowledges = true
        producer.open.removeAll()
        consumer.polls = [
            [.assigned([ScriptedWorld.events])], [ScriptedWorld.record(2)], (0..<3).map { ScriptedWorld.record($0) },
        ]
        for _ in 0..<4 { try loop.turn() }
        #expect(consumer.assignments.suffix(2) == [[ScriptedWorld.events: 2], [ScriptedWorld.events: 0]], "looked at, then read")
        #expect(loop.engine.modelVersion == version)
        #expect(loop.report().events.duplicate == 3)
        #expect(producer.visible.map(\.answers) == ["0@0", "0@1", "0@2"])
    }

    @Test func aRefusedRequestLosesOnlyTheRecordThatIsRefusedAlone() throws {
        var loop = try started()
        producer.rejects = { $0.answers == "0@5" }
        consumer.polls = [(0..<8).map { ScriptedWorld.record($0) }]
        for _ in 0..<20 { try loop.turn() }
        #expect(Set(producer.visible.map(\.answers)) == Set([0, 1, 2, 3, 4, 6, 7].map { "0@\($0)" }))
        #expect(loop.report().undeliverable == 1)
        try loop.drain()
        #expect(consumer.committed[ScriptedWorld.events] == 8)
    }

    /// Ten markers behind the last record: the end is reached, and nothing is lagging.
    @Test func lagIsCountedFromThePosition() throws {
        var loop = try started()
        consumer.polls = [
            [.statistics(ClientStatistics(isConnected: true, highWatermarks: [ScriptedWorld.events: 14]))],
            (0..<4).map { ScriptedWorld.record($0) },
        ]
        for _ in 0..<2 { try loop.turn() }
        #expect(loop.report().partitions.first?.lagRecords == 10)
        consumer.polls = [[.endOfPartition(ScriptedWorld.events, offset: 14)]]
        for _ in 0..<2 { try loop.turn() }
        #expect(loop.report().partitions.first?.lagRecords == 0)
        #expect(loop.report().consumerLagSeconds == 0)
        try loop.drain()
        #expect(consumer.committed[ScriptedWorld.events] == 14)
        #expect(store.checkpoints.last?.offsets[ScriptedWorld.events] == 14)
    }

    @Test func withoutABrokerNobodyKnowsTheLag() throws {
        var loop = try started()
        consumer.polls = [[.statistics(ClientStatistics(isConnected: true, highWatermarks: [ScriptedWorld.events: 0]))]]
        try loop.turn()
        #expect(loop.report().partitions.first?.lagRecords == 0)
        consumer.polls = [[.statistics(ClientStatistics(isConnected: false, highWatermarks: [:]))]]
        try loop.turn()
        #expect(loop.report().partitions.first?.lagRecords == nil)
        #expect(loop.report().consumerLagSeconds == nil)
    }

    @Test func recordsThatRetentionTookAreToldOnce() throws {
        consumer.committed = [ScriptedWorld.events: 10]
        consumer.ranges = [ScriptedWorld.events: 25..<25]
        var engine = try ScriptedWorld.engine()
        engine.cover(ScriptedWorld.events, next: 10)
        var loop = try ScriptedWorld.loop(.atLeastOnce, consumer, producer, store: store, engine: engine)
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        for _ in 0..<2 { try loop.turn() }
        #expect(loop.report().lostRecords == 15)
        try loop.drain()
        #expect(consumer.committed[ScriptedWorld.events] == 25)
        #expect(store.checkpoints.last?.offsets[ScriptedWorld.events] == 25)
    }

    /// The stop of a daemon whose brokers are away: the checkpoint is what must not be missing.
    @Test func aDrainWritesItsCheckpointBeforeItWaitsForBrokers() throws {
        var loop = try started()
        producer.acknowledges = false
        consumer.polls = [(0..<3).map { ScriptedWorld.record($0) }]
        try loop.turn()
        let before = consumer.time.now
        consumer.commitsRefused = 100
        try loop.drain()
        #expect(consumer.time.now - before <= .seconds(6))
        #expect(store.checkpoints.last?.offsets[ScriptedWorld.events] == 3)
    }

    @Test func recordsThatRetentionTookAreCounted() throws {
        consumer.committed = [ScriptedWorld.events: 10]
        consumer.ranges = [ScriptedWorld.events: 25..<100]
        var loop = try started()
        #expect(consumer.assignments == [[ScriptedWorld.events: 25]])
        #expect(loop.report().lostRecords == 15)
        #expect(loop.takeNotices().contains { if case .lost(_, from: 10, count: 15) = $0 { true } else { false } })
    }

    @Test func recordsThatRetentionTakesWhileRunningAreCounted() throws {
        var loop = try started()
        consumer.polls = [[ScriptedWorld.record(4)]]
        try loop.turn()
        consumer.ranges = [ScriptedWorld.events: 9..<100]
        consumer.polls = [[.outOfRange(ScriptedWorld.events)]]
        try loop.turn()
        #expect(loop.report().lostRecords == 4)
        #expect(consumer.assignments.last == [ScriptedWorld.events: 9])
        #expect(consumer.unassigned == [ScriptedWorld.events])
    }

    @Test func readingPausesWhereTooMuchIsUnderWay() throws {
        var loop = try started()
        loop.configuration.inFlightMax = 10
        producer.acknowledges = false
        consumer.polls = (0..<5).map { batch in (batch * 5..<batch * 5 + 5).map { ScriptedWorld.record(Int64($0)) } }
        for _ in 0..<6 { try loop.turn() }
        #expect(producer.open.count == 10)
        producer.acknowledges = true
        for _ in 0..<6 { try loop.turn() }
        #expect(producer.visible.count == 25)
    }

    @Test func aCheckpointThatFailsIsToldAndItsRowsAreWrittenLater() throws {
        var loop = try started()
        loop.configuration.checkpointInterval = .seconds(1)
        consumer.polls = [(0..<3).map { ScriptedWorld.record($0) }]
        try loop.turn()
        store.isFull = true
        consumer.time.now += .seconds(2)
        // One begins it, one copies it, one hears of it.
        for _ in 0..<3 { try loop.turn() }
        #expect(loop.report().checkpointsFailed == 1)
        #expect(loop.takeNotices().contains { if case .checkpointFailed = $0 { true } else { false } })
        store.isFull = false
        consumer.time.now += .seconds(2)
        for _ in 0..<2 { try loop.turn() }
        #expect(store.checkpoints.last?.users.count == 3)
        #expect(store.checkpoints.last?.offsets == [ScriptedWorld.events: 3])
    }

    @Test func aPartitionWhoseBeginningCannotBeWrittenDownWaitsAndIsToldOf() throws {
        store.isFull = true
        var loop = try started()
        for _ in 0..<5 { try loop.turn() }
        #expect(consumer.assignments.isEmpty && loop.engine.nextOffsets.isEmpty)
        let told = loop.takeNotices().map(\.description).filter { $0.contains("cannot be read before it is written down") }
        // Once an interval, not once a turn.
        #expect(told.count == 1)
        #expect(told.first?.contains("disk of /state is full") == true)
        #expect(loop.partitionsWaitingForDisk == [ScriptedWorld.events])
        #expect(loop.report().partitionsWaitingForDisk == 1)
        store.isFull = false
        consumer.time.now += .seconds(3601)
        try loop.turn()
        #expect(loop.partitionsWaitingForDisk.isEmpty)
        #expect(consumer.assignments == [[ScriptedWorld.events: 0]])
        #expect(store.checkpoints.last?.offsets == [ScriptedWorld.events: 0])
        #expect(store.checkpoints.last?.beginnings == [ScriptedWorld.events: 0])
    }

    @Test(arguments: [false, true]) func aPartitionThatGoesWaitsForNoDisk(isLost: Bool) throws {
        store.isFull = true
        var loop = try started()
        #expect(loop.partitionsWaitingForDisk == [ScriptedWorld.events])
        consumer.polls = [[isLost ? .lost([ScriptedWorld.events]) : .revoked([ScriptedWorld.events])]]
        try loop.turn()
        #expect(loop.partitionsWaitingForDisk.isEmpty)
        #expect(loop.report().partitionsWaitingForDisk == 0)
    }

    @Test func aTopicThatIsNotThereYetIsWaitedForWhereItMayBeCreated() throws {
        let missing = StreamingError.kafka(name: "unknown topic", detail: "", recovery: .missingTopic)
        var loop = try ScriptedWorld.loop(.atLeastOnce, consumer, producer, store: store, engine: try ScriptedWorld.engine())
        consumer.polls = [[.failure(missing)], [.failure(missing), .assigned([ScriptedWorld.events])], [ScriptedWorld.record(0)]]
        for _ in 0..<3 { try loop.turn() }
        #expect(loop.takeNotices().count { if case .transientError(missing) = $0 { true } else { false } } == 2)
        // One of the lists, too, may be created by the first that is written.
        producer.reportFailures = [missing]
        for _ in 0..<3 { try loop.turn() }
        #expect(producer.visible.map(\.answers) == ["0@0"])
    }

    @Test func aTopicThatMayNotBeCreatedEndsItUnlessItWasThereBefore() throws {
        let missing = StreamingError.kafka(name: "unknown topic", detail: "", recovery: .missingTopic)
        var first = try ScriptedWorld.loop(.atLeastOnce, consumer, producer, store: store, engine: try ScriptedWorld.engine())
        first.configuration.createsTopics = false
        consumer.polls = [[.failure(missing)]]
        #expect(throws: DeliveryError.self) { try first.turn() }
        // Brokers that come back may know of their topics a moment later than they answer.
        var second = try started()
        second.configuration.createsTopics = false
        consumer.polls = [[.failure(missing)], [ScriptedWorld.record(0)]]
        for _ in 0..<3 { try second.turn() }
        #expect(producer.visible.map(\.answers) == ["0@0"])
    }

    @Test func aSecondCopyIsCountedAndItsOffsetCommitted() throws {
        var loop = try started()
        consumer.polls = [[ScriptedWorld.record(0, id: "a"), ScriptedWorld.record(3, id: "a"), ScriptedWorld.record(4, id: "a")]]
        consumer.time.now += .seconds(1)
        try loop.turn()
        // Offsets 0 and 3 are of one user, 4 is another's.
        #expect(producer.visible.map(\.answers) == ["0@0", "0@4"])
        #expect(loop.report().events.duplicate == 1)
        #expect(loop.report().events.accepted == 2)
        #expect(consumer.committed == [ScriptedWorld.events: 5])
    }

    @Test func whatStandsBeforeGarbageInABatchIsLearned() throws {
        var loop = try started()
        let garbage = KafkaRecord(
            source: RecordSource(topicPartition: ScriptedWorld.events, offset: 2), timestamp: nil, key: nil, value: [0],
            headers: [])
        consumer.polls = [[ScriptedWorld.record(0), ScriptedWorld.record(1), .record(garbage)]]
        try loop.turn()
        #expect(loop.engine.eventCount == 2)
        #expect(loop.engine.nextOffsets == [ScriptedWorld.events: 3])
        #expect(loop.report().events.accepted == 2)
    }

    @Test func garbageIsADeadLetterByteForByte() throws {
        var loop = try started()
        let garbage = KafkaRecord(
            source: RecordSource(topicPartition: ScriptedWorld.events, offset: 0), timestamp: nil, key: [0xFF],
            value: [0, 1, 2], headers: [])
        consumer.polls = [[.record(garbage), ScriptedWorld.record(1)]]
        consumer.time.now += .seconds(1)
        try loop.turn()
        let letter = try #require(producer.visible.first { $0.topic == "events.dlq" })
        #expect(letter.key == [0xFF] && letter.value == [0, 1, 2])
        #expect(consumer.committed == [ScriptedWorld.events: 2])
        #expect(loop.report().events.rejected == 1)
    }
}
