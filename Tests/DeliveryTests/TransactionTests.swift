import Engine
import Events
import Streaming
import Testing

@testable import Delivery

/// `exactly_once` against a producer that fails as it is told.
@Suite struct TransactionTests {
    private let consumer = ScriptedConsumer()
    private let producer: ScriptedProducer
    private let store = ScriptedStore()

    init() { producer = ScriptedProducer(consumer) }

    /// Assigned and at rest.
    private func started() throws -> DeliveryLoop<ScriptedWorld> {
        var loop = try ScriptedWorld.loop(
            .exactlyOnce, consumer, producer, store: store, engine: try ScriptedWorld.engine())
        consumer.polls = [[.assigned([ScriptedWorld.events, ScriptedWorld.other])]]
        for _ in 0..<3 { try loop.turn() }
        return loop
    }

    private func error(_ recovery: TransactionError.Recovery) -> TransactionError {
        TransactionError(recovery: recovery, name: "scripted", detail: "")
    }

    @Test func nothingIsReadBeforeTheTransactionalIDIsTakenOver() throws {
        producer.failures["init"] = [error(.retry), error(.retry)]
        var loop = try ScriptedWorld.loop(
            .exactlyOnce, consumer, producer, store: store, engine: try ScriptedWorld.engine())
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        try loop.turn()
        try loop.turn()
        #expect(consumer.assignments.isEmpty)
        try loop.turn()
        try loop.turn()
        #expect(consumer.assignments.count == 1)
    }

    @Test func listsAndTheirOffsetsAreCommittedTogether() throws {
        var loop = try started()
        consumer.polls = [(0..<4).map { ScriptedWorld.record($0) }]
        try loop.turn()
        #expect(producer.visible.isEmpty)
        #expect(consumer.committed[ScriptedWorld.events] == 0)
        for _ in 0..<3 { try loop.turn() }
        #expect(producer.visible.map(\.answers) == ["0@0", "0@1", "0@2", "0@3"])
        #expect(consumer.committed[ScriptedWorld.events] == 4)
        #expect(producer.calls == ["init", "begin", "offsets", "commit"])
        #expect(loop.report().transactionsCommitted == 1)
        #expect(loop.report().recommendationsPublished == 4)
    }

    @Test func aBusyStreamIsCommittedOnceAnInterval() throws {
        var loop = try started()
        for offset in 0..<50 {
            consumer.polls = [[ScriptedWorld.record(Int64(offset))]]
            consumer.time.now += .milliseconds(10)
            try loop.turn()
        }
        for _ in 0..<3 { try loop.turn() }
        #expect(producer.visible.count == 50)
        #expect((4...7).contains(producer.calls.count { $0 == "commit" }))
        #expect(consumer.committed[ScriptedWorld.events] == 50)
    }

    @Test(arguments: ["offsets", "commit"]) func anAbortSendsTheSameListsAgainAndLearnsNothingTwice(step: String) throws {
        var loop = try started()
        producer.failures[step] = [error(.abort)]
        consumer.polls = [(0..<6).map { ScriptedWorld.record($0) }]
        try loop.turn()
        let version = loop.engine.modelVersion
        let lists = producer.open.map(\.record)
        for _ in 0..<4 { try loop.turn() }
        #expect(producer.calls.filter { $0 == "abort" }.count == 1)
        #expect(producer.visible == lists)
        #expect(loop.engine.modelVersion == version)
        #expect(consumer.committed[ScriptedWorld.events] == 6)
        #expect(loop.report().transactionsAborted == 1)
    }

    @Test(arguments: ["offsets", "commit"]) func whatMayBeTriedAgainIs(step: String) throws {
        var loop = try started()
        producer.failures[step] = [error(.retry), error(.retry)]
        consumer.polls = [[ScriptedWorld.record(0)]]
        for _ in 0..<5 { try loop.turn() }
        #expect(producer.visible.count == 1)
        #expect(!producer.calls.contains("abort"))
        #expect(producer.calls.count { $0 == "offsets" } == (step == "offsets" ? 3 : 1))
        #expect(consumer.committed[ScriptedWorld.events] == 1)
    }

    @Test(arguments: ["init", "begin", "offsets", "commit"]) func aNewerInstanceEndsThisOne(step: String) throws {
        var loop: DeliveryLoop<ScriptedWorld>
        if step == "init" {
            loop = try ScriptedWorld.loop(.exactlyOnce, consumer, producer, store: store, engine: try ScriptedWorld.engine())
        } else {
            loop = try started()
        }
        producer.failures[step] = [error(.fenced)]
        consumer.polls = [[ScriptedWorld.record(0)]]
        var end: DeliveryError?
        do throws(DeliveryError) { for _ in 0..<4 { try loop.turn() } } catch { end = error }
        guard case .transaction(let error)? = end else {
            Issue.record("fenced at \(step), and went on")
            return
        }
        #expect(error.recovery == .fenced)
        #expect(producer.visible.isEmpty)
    }

    /// After an outage the brokers call a transaction that they gave up themselves fenced.
    @Test(arguments: [(50, false), (60, true)]) func aTransactionThatExpiredIsNoNewerInstance(seconds: Int, isExpired: Bool) throws {
        var loop = try started()
        producer.failures["commit"] = [error(.retry), error(.fenced)]
        consumer.polls = [[ScriptedWorld.record(0)]]
        for _ in 0..<10 where !producer.calls.contains("commit") { try loop.turn() }
        consumer.time.now += .seconds(seconds)
        var end: DeliveryError?
        do throws(DeliveryError) { for _ in 0..<4 { try loop.turn() } } catch { end = error }
        guard case .transaction(let error)? = end else {
            Issue.record("fenced, and went on")
            return
        }
        #expect(error.recovery == (isExpired ? .expired : .fenced))
    }

    @Test func aFailedDeliveryAbortsAndTheRestGoesAgain() throws {
        var loop = try started()
        producer.reportFailures = [nil, .kafka(name: "timed out", detail: "", recovery: .retry)]
        consumer.polls = [(0..<4).map { ScriptedWorld.record($0) }]
        for _ in 0..<5 { try loop.turn() }
        #expect(producer.calls.contains("abort"))
        #expect(producer.visible.map(\.answers) == ["0@0", "0@1", "0@2", "0@3"])
    }

    @Test func aRecordThatIsNeverTakenIsPassedOverAndTheOthersGo() throws {
        var loop = try started()
        producer.reportFailures = [nil, .kafka(name: "too large", detail: "", recovery: .passOver)]
        consumer.polls = [(0..<4).map { ScriptedWorld.record($0) }]
        for _ in 0..<5 { try loop.turn() }
        #expect(producer.visible.map(\.answers) == ["0@0", "0@2", "0@3"])
        #expect(consumer.committed[ScriptedWorld.events] == 4)
        #expect(loop.report().undeliverable == 1)
    }

    @Test func whatIsRevokedIsCommittedFirst() throws {
        var loop = try started()
        consumer.polls = [[ScriptedWorld.record(0), ScriptedWorld.record(0, ScriptedWorld.other), .revoked([ScriptedWorld.other])]]
        try loop.turn()
        #expect(consumer.committed == [ScriptedWorld.events: 1, ScriptedWorld.other: 1])
        #expect(producer.visible.count == 2)
        #expect(consumer.unassigned == [ScriptedWorld.other])
    }

    @Test func whatIsLostIsAbortedAndLeftToTheNextOwner() throws {
        var loop = try started()
        producer.acknowledges = false
        consumer.polls = [[ScriptedWorld.record(0), ScriptedWorld.record(0, ScriptedWorld.other)], [.lost([ScriptedWorld.other])]]
        try loop.turn()
        #expect(producer.open.count == 2)
        try loop.turn()
        producer.acknowledges = true
        for _ in 0..<4 { try loop.turn() }
        #expect(producer.visible.map(\.answers) == ["0@0"])
        #expect(consumer.committed[ScriptedWorld.events] == 1)
    }

    @Test func withoutAMembershipNothingIsCommitted() throws {
        var loop = try started()
        consumer.isMember = false
        consumer.polls = [[ScriptedWorld.record(0)]]
        for _ in 0..<4 { try loop.turn() }
        #expect(producer.visible.isEmpty)
        #expect(consumer.committed[ScriptedWorld.events] == 0)
        consumer.isMember = true
        for _ in 0..<4 { try loop.turn() }
        #expect(producer.visible.count == 1)
    }

    @Test func recordsWithoutAnAnswerHaveOffsetsToo() throws {
        var engine = try ScriptedWorld.engine()
        engine.cover(ScriptedWorld.events, next: 0)
        var loop = try ScriptedWorld.loop(.exactlyOnce, consumer, producer, store: store, engine: engine)
        // An earlier run answered up to 3, the state learned nothing of it.
        consumer.committed = [ScriptedWorld.events: 3]
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        for _ in 0..<3 { try loop.turn() }
        consumer.polls = [(0..<3).map { ScriptedWorld.record($0) }]
        for _ in 0..<4 { try loop.turn() }
        #expect(producer.visible.isEmpty)
        #expect(loop.engine.eventCount == 3)
        #expect(consumer.committed[ScriptedWorld.events] == 3)
    }

    @Test func drainCommitsWhatIsUnderWayAndWritesTheState() throws {
        var loop = try started()
        consumer.polls = [(0..<5).map { ScriptedWorld.record($0) }]
        try loop.turn()
        try loop.drain()
        #expect(producer.visible.count == 5)
        #expect(consumer.committed[ScriptedWorld.events] == 5)
        // The first says where reading began.
        let (events, other) = (ScriptedWorld.events, ScriptedWorld.other)
        #expect(store.checkpoints.map(\.offsets) == [[events: 0, other: 0], [events: 5, other: 0]])
    }
}
