public import Events
public import Streaming

/// A producer at the simulated brokers, with the queue and the states that librdkafka's has: records leave
/// in order, each once however often it was tried, and are reported later.
public final class SimulatedProducer: RecordProducer {
    private let world: SimulatedWorld
    private let transactionalID: String?
    private var identity: ProducerIdentity?
    private var sequences: [TopicPartition: Int32] = [:]
    private var queue: [(record: OutgoingRecord, token: UInt)] = []
    private var reports: [DeliveryReport] = []
    private var phase = Phase.idle
    /// Once an error asks for an abort, nothing else is taken.
    private var mustAbort = false
    private var isFenced = false

    private enum Phase {
        case idle
        case inTransaction
        /// The end was asked for and not answered yet: only the same question is allowed.
        case ending(isCommit: Bool)
    }

    /// Records that wait at most.
    private static let queueMax = 16
    private static let transactionTimeoutMilliseconds: Int64 = 60_000

    init(_ world: SimulatedWorld, transactionalID: String?) {
        self.world = world
        self.transactionalID = transactionalID
        if transactionalID == nil { identity = world.broker.newProducer() }
    }

    public func send(_ record: OutgoingRecord, token: UInt) throws(StreamingError) {
        let fault = world.enter(.send)
        defer { world.leave(fault) }
        guard !world.isCrashed else { throw .simulated("the process is dead", .stop) }
        if fault == .fatal || isFenced { throw .simulated("fatal error", .stop) }
        if fault == .queueFull || queue.count >= Self.queueMax { throw .queueFull }
        if transactionalID != nil {
            guard case .inTransaction = phase, !mustAbort else { throw .simulated("erroneous state", .stop) }
        }
        queue.append((record, token))
        // Some leave at once.
        if world.draw(below: 3) == 0 { transmit(1 + world.draw(below: 3)) }
    }

    public func poll(into reports: inout [DeliveryReport], timeout: Duration) {
        let fault = world.enter(.reports)
        defer { world.leave(fault) }
        guard !world.isCrashed else { return }
        if fault == .undelivered || fault == .deliveredUnreported { fail(isThere: fault == .deliveredUnreported) }
        transmit(world.draw(below: 8))
        let count = min(self.reports.count, world.draw(below: 12))
        if count == 0 { world.wait(timeout) }
        reports.append(contentsOf: self.reports.prefix(count))
        self.reports.removeFirst(count)
    }

    public func initTransactions(timeout: Duration) throws(TransactionError) {
        try through(.initTransactions) { () throws(BrokerRefusal) in
            guard let transactionalID else { throw .invalidTransactionState }
            identity = try world.broker.initTransactions(
                transactionalID, timeoutMilliseconds: Self.transactionTimeoutMilliseconds, at: world.now)
            sequences = [:]
        }
    }

    public func beginTransaction() throws(TransactionError) {
        try through(.beginTransaction) { () throws(BrokerRefusal) in
            guard case .idle = phase, identity != nil else { throw .invalidTransactionState }
            phase = .inTransaction
        }
    }

    public func sendOffsets(
        _ offsets: [TopicPartition: Int64], group: GroupMetadata, timeout: Duration
    ) throws(TransactionError) {
        try through(.sendOffsets) { () throws(BrokerRefusal) in
            guard case .inTransaction = phase, let identity else { throw .invalidTransactionState }
            guard !offsets.isEmpty else { return }
            guard let membership = GroupMembership(bytes: group.bytes) else { throw .unknownMember }
            try world.broker.addOffsets(offsets, of: membership, to: identity, at: world.now)
        }
    }

    public func commitTransaction(timeout: Duration) throws(TransactionError) {
        try through(.commitTransaction) { () throws(BrokerRefusal) in
            try end(isCommit: true, timeout: timeout)
        }
    }

    public func abortTransaction(timeout: Duration) throws(TransactionError) {
        try through(.abortTransaction) { () throws(BrokerRefusal) in
            for (_, token) in queue {
                reports.append(DeliveryReport(token: token, failure: .simulated("purged in queue", .retry)))
            }
            queue.removeAll()
            try end(isCommit: false, timeout: timeout)
        }
    }
}

extension SimulatedProducer {
    /// Records leave, in order; what the brokers refuse stays, or ends the producer.
    private func transmit(_ count: Int) {
        for _ in 0..<count {
            guard let (record, token) = queue.first else { return }
            do throws(BrokerRefusal) {
                try deliver(record)
            } catch {
                switch error {
                case .coordinatorNotAvailable, .concurrentTransactions: return
                case .producerFenced: isFenced = true
                default: mustAbort = true
                }
                queue.removeFirst()
                reports.append(DeliveryReport(token: token, failure: .simulated("\(error)", isFenced ? .stop : .retry)))
                continue
            }
            queue.removeFirst()
            reports.append(DeliveryReport(token: token, failure: nil))
        }
    }

    private func deliver(_ record: OutgoingRecord) throws(BrokerRefusal) {
        let chosen = record.partition.map { TopicPartition(topic: record.topic, partition: $0) }
        let partition = if let chosen { chosen } else { try world.broker.partition(of: record.key, in: record.topic) }
        if transactionalID != nil, let identity {
            try world.broker.addPartition(partition, to: identity, at: world.now)
        }
        let sequence = sequences[partition, default: 0]
        // The network loses an answer now and then: the client tries again by itself.
        for _ in 0...(world.draw(below: 10) == 0 ? 1 : 0) {
            _ = try world.broker.produce(
                record, to: partition, producer: identity, sequence: sequence, at: world.now)
        }
        sequences[partition] = sequence + 1
    }

    /// The oldest record runs out of time, there or not.
    private func fail(isThere: Bool) {
        guard let (record, token) = queue.first else { return }
        // Where even that is refused, it is not there.
        if isThere { _ = try? deliver(record) }
        queue.removeFirst()
        if transactionalID != nil { mustAbort = true }
        reports.append(DeliveryReport(token: token, failure: .simulated("message timed out", .retry)))
    }

    private func end(isCommit: Bool, timeout: Duration) throws(BrokerRefusal) {
        switch phase {
        case .idle: throw .invalidTransactionState
        case .ending(let earlier) where earlier != isCommit: throw .invalidTransactionState
        case .inTransaction, .ending: break
        }
        guard let identity else { throw .invalidTransactionState }
        if isCommit {
            transmit(.max)
            if isFenced { throw .producerFenced }
            if mustAbort { throw .outOfOrderSequence }
            guard queue.isEmpty else { throw .coordinatorNotAvailable }
        }
        phase = .ending(isCommit: isCommit)
        let isOpen = transactionalID.map { world.broker.isOpen($0) } ?? false
        let completes = world.draw(below: 4) != 0
        do throws(BrokerRefusal) {
            try world.broker.endTransaction(of: identity, isCommit: isCommit, completes: completes, at: world.now)
        } catch .invalidTransactionState where !isOpen {
            // Nothing was written: the brokers never heard of it.
        }
        phase = .idle
        mustAbort = false
    }

    /// One call of a transaction, its refusals in the classes that librdkafka gives them.
    private func through(
        _ door: Door, _ body: () throws(BrokerRefusal) -> Void
    ) throws(TransactionError) {
        let fault = world.enter(door)
        defer { world.leave(fault) }
        guard !world.isCrashed else { throw .simulated(.stop, "the process is dead") }
        guard !isFenced else { throw .simulated(.fenced, "producer fenced") }
        if mustAbort, door != .abortTransaction { throw .simulated(.abort, "the transaction must be aborted") }
        switch fault {
        case .retriable: throw .simulated(.retry, "timed out")
        case .fatal: throw .simulated(.stop, "fatal error")
        case .abortable:
            mustAbort = true
            throw .simulated(.abort, "the transaction must be aborted")
        default: break
        }
        do throws(BrokerRefusal) {
            try body()
        } catch {
            throw refused(error)
        }
        guard fault == .appliedUnanswered else { return }
        // Only the same question may follow, until it is answered.
        phase = .ending(isCommit: door == .commitTransaction)
        throw .simulated(.retry, "timed out")
    }

    private func refused(_ refusal: BrokerRefusal) -> TransactionError {
        switch refusal {
        case .producerFenced:
            isFenced = true
            return .simulated(.fenced, "\(refusal)")
        case .coordinatorNotAvailable, .concurrentTransactions, .unstableOffsetCommit:
            world.wait(.milliseconds(100))
            return .simulated(.retry, "\(refusal)")
        case .illegalGeneration, .unknownMember, .outOfOrderSequence:
            mustAbort = true
            return .simulated(.abort, "\(refusal)")
        case .invalidTransactionState, .unknownTopicOrPartition, .offsetOutOfRange:
            return .simulated(.stop, "\(refusal)")
        }
    }
}

extension TransactionError {
    static func simulated(_ recovery: Recovery, _ name: String) -> TransactionError {
        TransactionError(recovery: recovery, name: name, detail: "simulated")
    }
}
