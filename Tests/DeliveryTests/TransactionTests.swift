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
    @Test(arguments: [(4, false), (5, true)]) func aTransactionThatExpiredIsNoNewerInstance(seconds: Int, isExpired: Bool) throws {
        var loop = try started()
        loop.configuration.transactionTimeout = .seconds(5)
        producer.failures["commit"] = [error(.retry), error(.fenced)]
        consumer.polls = [[ScriptedWorld.record(0)]]
        for _ in 0..<10 where !producer.calls.contains("commit") { try loop.turn() }
        consumer.time.now += .seconds(seconds)
        var end: DeliveryError?
        do throws(DeliveryError) { for _ in 0..<6 { try loop.turn() } } catch { end = error }
        guard isExpired else {
            guard case .transaction(let error)? = end, error.recovery == .fenced else {
                Issue.record("fenced, and went on")
                return
            }
            return
        }
        #expect(end == nil)
        #expect(producer.calls.contains("new"))
        #expect(producer.visible.map(\.answers) == ["0@0"])
    }

    /// Once a commit was requested librdkafka takes nothing but the same request, and the brokers may have committed.
    @Test(arguments: ["lost", "membership", "revoked"]) func aCommitThatWasRequestedIsResumedNeverAborted(reason: String) throws {
        var loop = try started()
        producer.failures["commit"] = [TransactionError](repeating: error(.retry), count: 8)
        consumer.polls = [[ScriptedWorld.record(0), ScriptedWorld.record(0, ScriptedWorld.other)]]
        for _ in 0..<10 where !producer.calls.contains("commit") { try loop.turn() }
        switch reason {
        case "lost": consumer.polls = [[.lost([ScriptedWorld.other])]]
        case "revoked": consumer.polls = [[.revoked([ScriptedWorld.other])]]
        default: consumer.isMember = false
        }
        for _ in 0..<12 { try loop.turn() }
        #expect(!producer.calls.contains("abort"))
        #expect(producer.visible.count == 2)
        #expect(consumer.committed == [ScriptedWorld.events: 1, ScriptedWorld.other: 1])
        // And the stream goes on.
        consumer.isMember = true
        consumer.polls = [[ScriptedWorld.record(1)]]
        for _ in 0..<4 { try loop.turn() }
        #expect(consumer.committed[ScriptedWorld.events] == 2)
    }

    /// INVALID_TXN_STATE after a broker crash is fatal to librdkafka's producer; the process goes on with another.
    @Test(arguments: ["begin", "offsets", "commit", "abort"], [false, true])
    func aProducerThatFailedForGoodIsReplaced(step: String, wasApplied: Bool) throws {
        var loop = try started()
        if step == "abort" { producer.failures["offsets"] = [error(.abort)] }
        producer.failures[step] = [error(.stop)]
        producer.appliesFailedCommits = wasApplied
        consumer.polls = [(0..<4).map { ScriptedWorld.record($0) }]
        for _ in 0..<8 { try loop.turn() }
        #expect(producer.calls.count { $0 == "new" } == 1)
        #expect(producer.calls.count { $0 == "init" } == 2)
        #expect(producer.visible.map(\.answers) == ["0@0", "0@1", "0@2", "0@3"], "none is lost, none comes twice")
        #expect(consumer.committed[ScriptedWorld.events] == 4)
        #expect(loop.engine.eventCount == 4)
        #expect(loop.takeNotices().contains { $0.kind == "producer replaced" })
    }

    @Test func whatAnAbortAfterACommitRequestLeftIsAskedOfTheGroup() throws {
        var loop = try started()
        producer.appliesFailedCommits = true
        producer.failures["commit"] = [error(.abort)]
        producer.failures["abort"] = [error(.stop)]
        consumer.polls = [(0..<3).map { ScriptedWorld.record($0) }]
        for _ in 0..<8 { try loop.turn() }
        #expect(producer.visible.map(\.answers) == ["0@0", "0@1", "0@2"])
        #expect(consumer.committed[ScriptedWorld.events] == 3)
    }

    @Test(arguments: [StreamingError.Recovery.restart, .fenced, .stop]) func whatFailsAtARecordIsHealedOrTold(_ recovery: StreamingError.Recovery) throws {
        var loop = try started()
        producer.sendFailures = [.kafka(name: "fatal", detail: "", recovery: recovery)]
        consumer.polls = [[ScriptedWorld.record(0)]]
        var end: DeliveryError?
        do throws(DeliveryError) { for _ in 0..<6 { try loop.turn() } } catch { end = error }
        #expect((end == nil) == (recovery == .restart))
        #expect(producer.visible.count == (recovery == .restart ? 1 : 0))
    }

    @Test func aProducerThatNeverWorksIsNotReplacedForEver() throws {
        var loop = try started()
        producer.failures["commit"] = [TransactionError](repeating: error(.stop), count: 100)
        consumer.polls = [[ScriptedWorld.record(0)]]
        var end: DeliveryError?
        do throws(DeliveryError) { for _ in 0..<200 { try loop.turn() } } catch { end = error }
        guard case .transaction(let error)? = end else {
            Issue.record("it went on for ever")
            return
        }
        #expect(error.recovery == .stop)
        #expect(producer.calls.count { $0 == "new" } == 5)
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
        producer.rejects = { $0.answers == "0@1" }
        consumer.polls = [(0..<4).map { ScriptedWorld.record($0) }]
        for _ in 0..<12 { try loop.turn() }
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
