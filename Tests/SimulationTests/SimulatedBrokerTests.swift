import Events
import Streaming
import Testing

@testable import Simulation

/// The simulated brokers keep the promises that Kafka documents, and no others.
@Suite struct SimulatedBrokerTests {
    private static let now = Timestamp(milliseconds: 1_767_225_600_000)
    private static let lists = TopicPartition(topic: "lists", partition: 0)
    private static let events = TopicPartition(topic: "events", partition: 0)
    private static let timeout: Int64 = 60_000

    private func broker() -> SimulatedBroker {
        var broker = SimulatedBroker()
        broker.createTopic("lists", partitions: 2)
        broker.createTopic("events", partitions: 2)
        return broker
    }

    private func record(_ name: String) -> OutgoingRecord {
        OutgoingRecord(topic: "lists", key: Array(name.utf8), value: Array(name.utf8))
    }

    private func values(_ broker: SimulatedBroker, _ isolation: IsolationLevel = .readCommitted) -> [String] {
        broker.readAll(Self.lists, isolation: isolation).map { String(decoding: $0.value ?? [], as: UTF8.self) }
    }

    @discardableResult
    private func begin(
        _ broker: inout SimulatedBroker, _ id: String, writing names: [String]
    ) throws -> ProducerIdentity {
        let producer = try broker.initTransactions(id, timeoutMilliseconds: Self.timeout, at: Self.now)
        try broker.addPartition(Self.lists, to: producer, at: Self.now)
        for (place, name) in names.enumerated() {
            _ = try broker.produce(record(name), to: Self.lists, producer: producer, sequence: Int32(place), at: Self.now)
        }
        return producer
    }

    private func end(_ broker: inout SimulatedBroker, _ producer: ProducerIdentity, isCommit: Bool) throws {
        try broker.endTransaction(of: producer, isCommit: isCommit, completes: true, at: Self.now)
    }

    @Test func anOpenTransactionHoldsCommittedReadersBack() throws {
        var broker = broker()
        _ = try broker.produce(record("before"), to: Self.lists, producer: nil, sequence: 0, at: Self.now)
        let producer = try begin(&broker, "a", writing: ["open"])
        _ = try broker.produce(record("after"), to: Self.lists, producer: nil, sequence: 0, at: Self.now)
        #expect(values(broker) == ["before"])
        #expect(values(broker, .readUncommitted) == ["before", "open", "after"])
        #expect(try broker.log(Self.lists).lastStableOffset == 1)
        try end(&broker, producer, isCommit: true)
        #expect(values(broker) == ["before", "open", "after"])
        // The marker takes an offset that no reader sees.
        #expect(try broker.log(Self.lists).highWatermark == 4)
        #expect(try broker.log(Self.lists).lastStableOffset == 4)
    }

    @Test func abortedRecordsAreHiddenFromCommittedReadersOnly() throws {
        var broker = broker()
        let first = try begin(&broker, "a", writing: ["gone", "gone too"])
        let other = try begin(&broker, "b", writing: ["kept"])
        try end(&broker, first, isCommit: false)
        #expect(values(broker) == [], "the other transaction is still open")
        try end(&broker, other, isCommit: true)
        #expect(values(broker) == ["kept"])
        #expect(values(broker, .readUncommitted) == ["gone", "gone too", "kept"])
        // The same producer goes on, and what it commits then is seen.
        try broker.addPartition(Self.lists, to: first, at: Self.now)
        _ = try broker.produce(record("later"), to: Self.lists, producer: first, sequence: 2, at: Self.now)
        try end(&broker, first, isCommit: true)
        #expect(values(broker) == ["kept", "later"])
    }

    @Test func aNewIncarnationAbortsAndFencesTheOldOne() throws {
        var broker = broker()
        broker.join("m", group: "g", topics: ["events"])
        let membership = try #require(broker.assignment(of: "m", group: "g")).membership
        let zombie = try begin(&broker, "a", writing: ["zombie"])
        try broker.addOffsets([Self.events: 5], of: membership, to: zombie, at: Self.now)
        let heir = try begin(&broker, "a", writing: ["heir"])
        #expect(heir.id == zombie.id && heir.epoch > zombie.epoch)
        #expect(throws: BrokerRefusal.producerFenced) { try end(&broker, zombie, isCommit: true) }
        #expect(throws: BrokerRefusal.producerFenced) {
            _ = try broker.produce(record("late"), to: Self.lists, producer: zombie, sequence: 1, at: Self.now)
        }
        #expect(throws: BrokerRefusal.producerFenced) {
            try broker.addOffsets([Self.events: 9], of: membership, to: zombie, at: Self.now)
        }
        try end(&broker, heir, isCommit: true)
        #expect(values(broker) == ["heir"])
        #expect(broker.committedOffsets(of: "g") == [:])
    }

    @Test func offsetsOfATransactionAreTheGroupsWithItsCommit() throws {
        var broker = broker()
        broker.join("m", group: "g", topics: ["events"])
        let membership = try #require(broker.assignment(of: "m", group: "g")).membership
        let producer = try begin(&broker, "a", writing: ["list"])
        try broker.addOffsets([Self.events: 7], of: membership, to: producer, at: Self.now)
        #expect(broker.committedOffsets(of: "g") == [:])
        // A reader of stable offsets waits; one of another partition need not.
        #expect(throws: BrokerRefusal.unstableOffsetCommit) { _ = try broker.stableOffsets(of: "g", [Self.events]) }
        let other = TopicPartition(topic: "events", partition: 1)
        #expect(try broker.stableOffsets(of: "g", [other]) == [:])
        try end(&broker, producer, isCommit: true)
        #expect(try broker.stableOffsets(of: "g", [Self.events]) == [Self.events: 7])
        try broker.addOffsets([Self.events: 9], of: membership, to: producer, at: Self.now)
        try end(&broker, producer, isCommit: false)
        #expect(try broker.stableOffsets(of: "g", [Self.events]) == [Self.events: 7])
    }

    @Test func anOldGenerationCommitsNothing() throws {
        var broker = broker()
        broker.join("m", group: "g", topics: ["events"])
        let old = try #require(broker.assignment(of: "m", group: "g"))
        #expect(old.partitions == broker.partitions(of: "events"))
        broker.join("n", group: "g", topics: ["events"])
        #expect(throws: BrokerRefusal.illegalGeneration) { try broker.commit([Self.events: 3], of: old.membership) }
        let producer = try begin(&broker, "a", writing: ["list"])
        #expect(throws: BrokerRefusal.illegalGeneration) {
            try broker.addOffsets([Self.events: 3], of: old.membership, to: producer, at: Self.now)
        }
        let new = try #require(broker.assignment(of: "m", group: "g"))
        #expect(new.partitions == [Self.events])
        // What a member still reads goes to nobody else.
        broker.hold([Self.events], member: "m", group: "g")
        broker.join("n", group: "g", topics: ["events"])
        #expect(broker.assignment(of: "n", group: "g")?.partitions == [])
        broker.letGo([Self.events], member: "m", group: "g")
        #expect(broker.assignment(of: "n", group: "g")?.partitions == [Self.events])
        broker.join("n", group: "g", topics: ["events"])
        #expect(throws: BrokerRefusal.illegalGeneration) { try broker.commit([Self.events: 2], of: new.membership) }
        let newest = try #require(broker.assignment(of: "m", group: "g")).membership
        try broker.commit([Self.events: 3], of: newest)
        broker.leave("m", group: "g", topics: ["events"])
        #expect(throws: BrokerRefusal.unknownMember) { try broker.commit([Self.events: 4], of: newest) }
        #expect(broker.assignment(of: "n", group: "g")?.partitions == broker.partitions(of: "events"))
        #expect(broker.committedOffsets(of: "g") == [Self.events: 3])
    }

    @Test func aTransactionThatTakesTooLongIsAbortedAndItsProducerFenced() throws {
        var broker = broker()
        let producer = try begin(&broker, "a", writing: ["slow"])
        broker.advanceTransactions(at: Timestamp(milliseconds: Self.now.milliseconds + Self.timeout))
        #expect(broker.isOpen("a"))
        broker.advanceTransactions(at: Timestamp(milliseconds: Self.now.milliseconds + Self.timeout + 1))
        #expect(!broker.isOpen("a"))
        #expect(throws: BrokerRefusal.producerFenced) { try end(&broker, producer, isCommit: true) }
        #expect(values(broker) == [])
        #expect(values(broker, .readUncommitted) == ["slow"])
    }

    @Test func whatTheCoordinatorDecidedOutlivesIt() throws {
        var broker = broker()
        let producer = try begin(&broker, "a", writing: ["decided"])
        try broker.endTransaction(of: producer, isCommit: true, completes: false, at: Self.now)
        broker.setCoordinator(isUp: false)
        #expect(throws: BrokerRefusal.coordinatorNotAvailable) { try end(&broker, producer, isCommit: true) }
        broker.advanceTransactions(at: Self.now)
        #expect(values(broker) == [], "no marker is written yet")
        broker.setCoordinator(isUp: true)
        #expect(throws: BrokerRefusal.concurrentTransactions) {
            _ = try broker.initTransactions("a", timeoutMilliseconds: Self.timeout, at: Self.now)
        }
        #expect(throws: BrokerRefusal.concurrentTransactions) { try end(&broker, producer, isCommit: true) }
        broker.advanceTransactions(at: Self.now)
        #expect(values(broker) == ["decided"])
        // The request whose answer was lost comes again, and is answered; its opposite is refused.
        try end(&broker, producer, isCommit: true)
        #expect(throws: BrokerRefusal.invalidTransactionState) { try end(&broker, producer, isCommit: false) }
        #expect(values(broker) == ["decided"])
    }

    @Test func aRetriedRecordIsThereOnce() throws {
        var broker = broker()
        let producer = broker.newProducer()
        for sequence in [0, 1, 1, 0] as [Int32] {
            _ = try broker.produce(
                record("\(sequence)"), to: Self.lists, producer: producer, sequence: sequence, at: Self.now)
        }
        #expect(values(broker) == ["0", "1"])
        #expect(throws: BrokerRefusal.outOfOrderSequence) {
            _ = try broker.produce(record("3"), to: Self.lists, producer: producer, sequence: 3, at: Self.now)
        }
    }

    @Test func nothingIsWrittenOutsideATransaction() throws {
        var broker = broker()
        let producer = try broker.initTransactions("a", timeoutMilliseconds: Self.timeout, at: Self.now)
        #expect(throws: BrokerRefusal.invalidTransactionState) {
            _ = try broker.produce(record("early"), to: Self.lists, producer: producer, sequence: 0, at: Self.now)
        }
        #expect(throws: BrokerRefusal.invalidTransactionState) { try end(&broker, producer, isCommit: true) }
    }

    @Test func retentionMovesTheLowWatermark() throws {
        var broker = broker()
        for place in 0..<6 {
            _ = try broker.produce(record("\(place)"), to: Self.lists, producer: nil, sequence: 0, at: Self.now)
        }
        broker.moveLowWatermark(of: Self.lists, to: 4)
        #expect(values(broker) == ["4", "5"])
        let log = try broker.log(Self.lists)
        #expect(throws: BrokerRefusal.offsetOutOfRange(earliest: 4, latest: 6)) {
            _ = try log.read(from: 3, limit: 10, isolation: .readCommitted)
        }
        #expect(try log.read(from: 6, limit: 10, isolation: .readCommitted).next == 6)
        broker.moveLowWatermark(of: Self.lists, to: 2)
        #expect(try broker.log(Self.lists).lowWatermark == 4)
    }
}
