import Engine
import Events
import Streaming
import Testing

@testable import Delivery

/// The changelog of sessions: written with the lists, read back before a partition is served.
@Suite struct SessionTests {
    private let consumer = ScriptedConsumer()
    private let reader = ScriptedConsumer()
    private let producer: ScriptedProducer
    private let store = ScriptedStore()
    private let changelog = TopicPartition(topic: "sessions", partition: 0)

    init() { producer = ScriptedProducer(consumer) }

    private func loop(_ guarantee: DeliveryConfiguration.Guarantee = .atLeastOnce) throws -> DeliveryLoop<ScriptedWorld> {
        try ScriptedWorld.loop(
            guarantee, consumer, producer, store: store, engine: try ScriptedWorld.engine(), reader: reader)
    }

    /// With an empty changelog read to its end.
    private func started(_ guarantee: DeliveryConfiguration.Guarantee = .atLeastOnce) throws -> DeliveryLoop<ScriptedWorld> {
        var loop = try loop(guarantee)
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        reader.ranges[changelog] = 0..<0
        reader.polls = [[.endOfPartition(changelog, offset: 0)]]
        for _ in 0..<4 { try loop.turn() }
        return loop
    }

    private var sessions: [OutgoingRecord] { producer.visible.filter { $0.topic == "sessions" } }

    /// A record of the changelog: what another instance kept of a user.
    private func kept(_ user: String, _ items: [String], through offset: Int64, at place: Int64) -> ConsumerEvent {
        let entries = items.compactMap { ItemID($0) }.map { KeptSession.Entry(item: $0, type: "view", gap: 0) }
        guard let user = UserID(user) else { preconditionFailure("a name") }
        let session = KeptSession(
            user: user, events: entries, purchased: [], ids: [], newest: ScriptedWorld.now,
            through: RecordSource(topicPartition: ScriptedWorld.events, offset: offset))
        return .record(
            KafkaRecord(
                source: RecordSource(topicPartition: changelog, offset: place), timestamp: nil,
                key: Array(user.text.utf8), value: RecordEncoder.encode(session), headers: []))
    }

    @Test func aBatchWritesEachUsersSessionOnceIntoThePartitionOfItsEvents() throws {
        var loop = try started()
        // Six events of three users.
        consumer.polls = [(0..<6).map { ScriptedWorld.record($0) }]
        for _ in 0..<3 { try loop.turn() }
        #expect(sessions.count == 3)
        #expect(sessions.allSatisfy { $0.partition == 0 })
        let first = try #require(KeptSession(json: sessions[0].value ?? []))
        #expect(first.user.text == "u0")
        #expect(first.events.map(\.item.text) == ["i0", "i3"])
        #expect(first.through.offset == 5)
    }

    @Test func offsetsWaitForTheSessionsToo() throws {
        var loop = try started()
        // The second of two letters, the session, fails at first.
        producer.reportFailures = [nil, .kafka(name: "timed out", detail: "", recovery: .retry)]
        consumer.polls = [[ScriptedWorld.record(0)]]
        consumer.time.now += .seconds(1)
        try loop.turn()
        #expect(consumer.committed == [ScriptedWorld.events: 0])
        consumer.time.now += .seconds(1)
        try loop.turn()
        consumer.time.now += .seconds(1)
        try loop.turn()
        #expect(consumer.committed == [ScriptedWorld.events: 1])
        #expect(sessions.count == 1)
    }

    @Test func sessionsListsAndOffsetsAreOneTransaction() throws {
        var loop = try started(.exactlyOnce)
        producer.failures["commit"] = [TransactionError(recovery: .abort, name: "scripted", detail: "")]
        consumer.polls = [(0..<3).map { ScriptedWorld.record($0) }]
        for _ in 0..<6 { try loop.turn() }
        #expect(producer.visible.count == 6)
        #expect(sessions.count == 3)
        #expect(consumer.committed == [ScriptedWorld.events: 3])
    }

    @Test func aPartitionIsServedOnceItsSessionsAreBack() throws {
        var loop = try loop()
        consumer.committed = [ScriptedWorld.events: 10]
        reader.ranges[changelog] = 3..<6
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        reader.polls = [[kept("u0", ["old", "i0"], through: 8, at: 3)], [kept("u0", ["i0", "i1", "i2"], through: 9, at: 4)]]
        for _ in 0..<2 { try loop.turn() }
        #expect(consumer.assignments.isEmpty)
        #expect(reader.assignments == [[changelog: 3]])
        // An end before the one that was asked for is not the end: a transaction may be open there.
        reader.polls = [[.endOfPartition(changelog, offset: 5)], [.endOfPartition(changelog, offset: 6)]]
        try loop.turn()
        #expect(consumer.assignments.isEmpty)
        try loop.turn()
        try loop.turn()
        #expect(consumer.assignments == [[ScriptedWorld.events: 10]])
        #expect(reader.unassigned == [changelog])
        let user = try #require(UserID("u0"))
        let found1 = loop.engine.keptSession(of: user, from: ScriptedWorld.events)
        let session = try #require(found1)
        #expect(session.events.map(\.item.text) == ["i0", "i1", "i2"])
        // Nothing was learned for it.
        #expect(loop.engine.modelVersion == 0)
        #expect(loop.report().restoredSessions == 2)
    }

    @Test func eventsThatARestoredSessionHasAreAnsweredAndNotTakenInTwice() throws {
        var loop = try loop()
        consumer.committed = [ScriptedWorld.events: 1]
        reader.ranges[changelog] = 0..<1
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        // Written through offset 3, committed up to 1: u0's event at 3 is in it.
        reader.polls = [[kept("u0", ["i0", "i3"], through: 3, at: 0), .endOfPartition(changelog, offset: 1)]]
        for _ in 0..<3 { try loop.turn() }
        consumer.polls = [(1..<7).map { ScriptedWorld.record($0) }]
        for _ in 0..<2 { try loop.turn() }
        let user = try #require(UserID("u0"))
        let found2 = loop.engine.keptSession(of: user, from: ScriptedWorld.events)
        let session = try #require(found2)
        #expect(session.events.map(\.item.text) == ["i0", "i3", "i6"])
        #expect(producer.visible.filter { $0.topic == "recommendations" }.count == 6)
    }

    @Test func whatIsHandedOverIsForgottenAndComesBackFromTheChangelog() throws {
        var loop = try started()
        consumer.polls = [(0..<3).map { ScriptedWorld.record($0) }, [.revoked([ScriptedWorld.events])]]
        for _ in 0..<2 { try loop.turn() }
        #expect(consumer.committed == [ScriptedWorld.events: 3])
        #expect(loop.engine.userCount == 0)
        #expect(loop.engine.nextOffsets[ScriptedWorld.events] == nil)
        // The next owner went on to 5 and forgot u1 and u2.
        consumer.committed = [ScriptedWorld.events: 5]
        reader.ranges[changelog] = 0..<4
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        reader.polls = [[kept("u0", ["i0", "i9"], through: 4, at: 3), .endOfPartition(changelog, offset: 4)]]
        for _ in 0..<3 { try loop.turn() }
        #expect(loop.engine.userCount == 1)
        #expect(consumer.assignments.last == [ScriptedWorld.events: 5])
    }

    @Test func whatWasLostIsOursAsLongAsNobodyWentOn() throws {
        var loop = try started()
        producer.acknowledges = false
        consumer.polls = [(0..<3).map { ScriptedWorld.record($0) }, [.lost([ScriptedWorld.events])]]
        for _ in 0..<2 { try loop.turn() }
        #expect(loop.engine.userCount == 3)
        let before = reader.assignments.count
        consumer.polls = [[.assigned([ScriptedWorld.events])], [ScriptedWorld.record(2)]]
        for _ in 0..<3 { try loop.turn() }
        #expect(reader.assignments.count == before)
        // Nobody committed: from the beginning, answered and not learned.
        #expect(consumer.assignments.last == [ScriptedWorld.events: 0])
        consumer.polls = [[.lost([ScriptedWorld.events])]]
        try loop.turn()
        consumer.committed = [ScriptedWorld.events: 8]
        reader.ranges[changelog] = 0..<1
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        reader.polls = [[kept("u1", ["i5"], through: 7, at: 0), .endOfPartition(changelog, offset: 1)]]
        for _ in 0..<3 { try loop.turn() }
        #expect(loop.engine.userCount == 1)
        #expect(loop.engine.nextOffsets[ScriptedWorld.events] == 8)
    }

    @Test func whatGoesLessFarThanWhatCameBeforeIsPassedOver() throws {
        var loop = try loop()
        consumer.committed = [ScriptedWorld.events: 10]
        reader.ranges[changelog] = 0..<6
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        // An owner that was expelled wrote u0 and forgot u1 after its successor had gone on with both.
        func tombstone(_ user: String, through offset: Int64, at place: Int64) -> ConsumerEvent {
            .record(
                KafkaRecord(
                    source: RecordSource(topicPartition: changelog, offset: place), timestamp: nil, key: Array(user.utf8),
                    value: nil, headers: [KafkaHeader(name: "freshet.through", text: "events 0 \(offset)")]))
        }
        reader.polls = [[
            kept("u0", ["i0", "i1"], through: 9, at: 0), kept("u0", ["i0"], through: 4, at: 1),
            kept("u1", ["i5"], through: 8, at: 2), tombstone("u1", through: 3, at: 3),
            kept("u2", ["i6"], through: 2, at: 4), tombstone("u2", through: 7, at: 5),
            .endOfPartition(changelog, offset: 6),
        ]]
        for _ in 0..<3 { try loop.turn() }
        var found: [String: [String]] = [:]
        for name in ["u0", "u1", "u2"] {
            let user = try #require(UserID(name))
            found[name] = loop.engine.keptSession(of: user, from: ScriptedWorld.events)?.events.map(\.item.text)
        }
        #expect(found == ["u0": ["i0", "i1"], "u1": ["i5"]])
    }

    @Test func whatCameWithItsSessionsIsWrittenDownBeforeItIsRead() throws {
        var loop = try loop()
        consumer.committed = [ScriptedWorld.events: 10]
        reader.ranges[changelog] = 0..<1
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        reader.polls = [[kept("u0", ["i0"], through: 9, at: 0), .endOfPartition(changelog, offset: 1)]]
        try loop.turn()
        #expect(consumer.assignments.isEmpty)
        #expect(store.checkpoints.last?.offsets == [ScriptedWorld.events: 10])
        #expect(store.checkpoints.last?.users.map(\.id.text) == ["u0"])
        // A generation from before has not got the sessions: it is no beginning for it.
        #expect(store.checkpoints.last?.beginnings == [:])
    }

    @Test func afterARecoveryWhatTheSessionsHaveIsLearnedFromWhereThePartitionCame() throws {
        var loop = try loop()
        // The generation from before it came is the one that was recovered; since then 3 to 9 were learned, and lost.
        loop.relearnFrom = [ScriptedWorld.events: 3]
        consumer.committed = [ScriptedWorld.events: 9]
        reader.ranges[changelog] = 0..<1
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        reader.polls = [[kept("u0", ["i0", "i3", "i6"], through: 8, at: 0), .endOfPartition(changelog, offset: 1)]]
        for _ in 0..<3 { try loop.turn() }
        #expect(consumer.assignments == [[ScriptedWorld.events: 3]])
        #expect(store.checkpoints.last?.arrivals == [ScriptedWorld.events: 3])
        #expect(loop.relearnFrom.isEmpty)
        consumer.polls = [[3, 6, 9].map { ScriptedWorld.record($0) }]
        for _ in 0..<3 { try loop.turn() }
        // Two of the session and the new one, each with what was before it; only that one is answered and taken in.
        #expect(loop.engine.countedEvents == 3)
        #expect(loop.engine.modelVersion > 0)
        let user = try #require(UserID("u0"))
        let session = loop.engine.keptSession(of: user, from: ScriptedWorld.events)
        #expect(session?.events.map(\.item.text) == ["i0", "i3", "i6", "i2"])
        #expect(producer.visible.filter { $0.topic == "recommendations" }.count == 1)
    }

    @Test func whatIsRevokedInTheMiddleOfAGapIsKept() throws {
        // Learned up to 0, committed up to 4.
        consumer.committed = [ScriptedWorld.events: 4]
        var engine = try ScriptedWorld.engine()
        engine.skip(RecordSource(topicPartition: ScriptedWorld.events, offset: 0))
        var loop = try ScriptedWorld.loop(
            .atLeastOnce, consumer, producer, store: store, engine: engine, reader: reader)
        consumer.polls = [[.assigned([ScriptedWorld.events])], [ScriptedWorld.record(1)], [.revoked([ScriptedWorld.events])]]
        for _ in 0..<3 { try loop.turn() }
        #expect(loop.engine.nextOffsets == [ScriptedWorld.events: 2])
        consumer.polls = [[.assigned([ScriptedWorld.events])], [ScriptedWorld.record(1)]]
        for _ in 0..<2 { try loop.turn() }
        #expect(reader.assignments.isEmpty)
        #expect(consumer.assignments.last == [ScriptedWorld.events: 2])
    }

    /// Everything that one loop has written to the changelog, as another one reads it.
    private var changelogRecords: [ConsumerEvent] {
        sessions.enumerated().map { place, record in
            .record(
                KafkaRecord(
                    source: RecordSource(topicPartition: changelog, offset: Int64(place)), timestamp: nil, key: record.key,
                    value: record.value, headers: record.headers))
        }
    }

    @Test func aSecondCopyIsKnownToWhoeverTakesThePartitionOver() throws {
        var first = try started()
        let forget = KafkaRecord(
            source: RecordSource(topicPartition: ScriptedWorld.events, offset: 3), timestamp: nil, key: Array("u1".utf8),
            value: nil, headers: [])
        consumer.polls = [(0..<3).map { ScriptedWorld.record($0, id: "id\($0)") }, [.record(forget)]]
        for _ in 0..<3 { try first.turn() }
        let records = changelogRecords
        #expect(records.count == 4)

        let (consumer, reader) = (ScriptedConsumer(), ScriptedConsumer())
        let producer = ScriptedProducer(consumer)
        var second = try ScriptedWorld.loop(
            .atLeastOnce, consumer, producer, store: ScriptedStore(), engine: try ScriptedWorld.engine(), reader: reader)
        // The first one had not committed its last two records.
        consumer.committed = [ScriptedWorld.events: 2]
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        reader.ranges[changelog] = 0..<4
        reader.polls = [records + [.endOfPartition(changelog, offset: 4)]]
        for _ in 0..<3 { try second.turn() }
        // What is read again is answered; copies of it, and of what is older, are not, also where the user was
        // forgotten since.
        func copy(_ original: Int64, at offset: Int64) -> ConsumerEvent {
            guard case .record(var record) = ScriptedWorld.record(original, id: "id\(original)") else { preconditionFailure() }
            record.source = RecordSource(topicPartition: ScriptedWorld.events, offset: offset)
            return .record(record)
        }
        consumer.polls = [[
            ScriptedWorld.record(2, id: "id2"), .record(forget), copy(0, at: 4), copy(1, at: 5), copy(2, at: 6),
            ScriptedWorld.record(7, id: "id7"),
        ]]
        for _ in 0..<3 { try second.turn() }
        let report = second.report()
        #expect(report.events.duplicate == 3 && report.events.accepted == 3)
        let lists = producer.visible.filter { $0.topic == "recommendations" }
        #expect(lists.map { String(decoding: $0.key ?? [], as: UTF8.self) } == ["u2", "u1", "u1"])
        // The forgotten user is back with the one event that is new, and with the id of what was forgotten.
        let session = try #require(KeptSession(json: producer.visible.last { $0.topic == "sessions" }?.value ?? []))
        #expect(session.user.text == "u1" && session.events.map(\.item.text) == ["i0"] && session.ids.count == 2)
    }

    @Test func aForgottenUserIsATombstoneInTheChangelog() throws {
        var loop = try started()
        let forget = KafkaRecord(
            source: RecordSource(topicPartition: ScriptedWorld.events, offset: 1), timestamp: nil, key: Array("u0".utf8),
            value: nil, headers: [])
        consumer.polls = [[ScriptedWorld.record(0)], [.record(forget)]]
        for _ in 0..<3 { try loop.turn() }
        #expect(sessions.count == 2)
        #expect(sessions.last?.value == nil)
        #expect(sessions.last?.key == Array("u0".utf8))
        #expect(sessions.last?.headers == [KafkaHeader(name: "freshet.through", text: "events 0 1")])
        #expect(loop.engine.userCount == 0)
    }
}
