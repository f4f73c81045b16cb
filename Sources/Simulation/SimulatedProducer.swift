public import Events
public import Streaming

/// A producer at the simulated brokers, with the queue and the states that librdkafka's has: records leave
/// in order, each once however often it was tried, and are reported later. It is no kinder than librdkafka 2.0.2:
///
/// - a call that was not answered in time must be resumed, all others are refused for as long as it is not
///   (rdkafka_txnmgr.c, `rd_kafka_txn_curr_api_begin`);
/// - after a fatal error it answers nothing but that error;
/// - where a request to add partitions may have been lost, it ends a transaction that the brokers know nothing of, and
///   their INVALID_TXN_STATE is fatal (`rd_kafka_txn_handle_AddPartitionsToTxn`, `txn_req_cnt`).
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
    /// A fatal error: only a new producer can go on.
    private var hasFailed = false
    /// The call that must be resumed before any other is taken.
    private var unanswered: Door?
    /// Requests of this transaction that the brokers may have got: where there are none, none ends it either.
    private var requests = 0

    private enum Phase {
        case idle
        case inTransaction
        /// The end was asked for and not answered yet: only the same question is allowed.
        case ending(isCommit: Bool)
    }

    /// Records that wait at most.
    private static let queueMax = 16
    private static let transactionTimeoutMilliseconds: Int64 = 5_000

    init(_ world: SimulatedWorld, transactionalID: String?) {
        self.world = world
        self.transactionalID = transactionalID
        if transactionalID == nil { identity = world.broker.newProducer() }
    }

    deinit {
        // What had left the process arrives, before anything of a producer that follows.
        if !world.isCrashed, hasFailed, !queue.isEmpty { transmit(world.draw(below: 4)) }
    }

    public func send(_ record: OutgoingRecord, token: UInt) throws(StreamingError) {
        let fault = world.enter(.send)
        defer { world.leave(fault) }
        guard !world.isCrashed else { throw .simulated("the process is dead", .stop) }
        if fault == .fatal { hasFailed = true }
        if isFenced { throw .simulated("producer fenced", .fenced) }
        if hasFailed { throw .simulated("fatal error", .restart) }
        if fault == .queueFull || queue.count >= Self.queueMax { throw .queueFull }
        if transactionalID != nil {
            guard case .inTransaction = phase, !mustAbort, unanswered == nil else { throw .simulated("erroneous state", .retry) }
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
            phase = .idle
        }
    }

    public func beginTransaction() throws(TransactionError) {
        try through(.beginTransaction) { () throws(BrokerRefusal) in
            guard case .idle = phase, identity != nil else { throw .invalidTransactionState }
            phase = .inTransaction
            requests = 0
        }
    }

    public func sendOffsets(
        _ offsets: [TopicPartition: Int64], group: GroupMetadata, timeout: Duration
    ) throws(TransactionError) {
        try through(.sendOffsets) { () throws(BrokerRefusal) in
            guard case .inTransaction = phase, let identity else { throw .invalidTransactionState }
            guard !offsets.isEmpty else { return }
            guard let membership = GroupMembership(bytes: group.bytes) else { throw .unknownMember }
            requests += 1
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
                reports.append(DeliveryReport(token: token, failure: .simulated("\(error)", isFenced ? .fenced : .retry)))
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
            requests += 1
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
        // Perhaps it was the partition's request that was lost.
        if !isThere, world.calls.isMultiple(of: 2) { requests += 1 }
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
        let completes = world.draw(below: 4) != 0
        if requests > 0 {
            try world.broker.endTransaction(of: identity, isCommit: isCommit, completes: completes, at: world.now)
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
        // This comes before everything else, a fatal error included.
        if let unanswered, unanswered != door { throw .simulated(.retry, "conflicting \(unanswered.rawValue) in progress") }
        do throws(TransactionError) {
            try answer(door, fault, body)
            unanswered = nil
        } catch {
            unanswered = error.recovery == .retry && Self.resumable.contains(door) ? door : nil
            throw error
        }
    }

    private static let resumable: Set<Door> = [.initTransactions, .commitTransaction, .abortTransaction]

    private func answer(
        _ door: Door, _ fault: Fault?, _ body: () throws(BrokerRefusal) -> Void
    ) throws(TransactionError) {
        if fault == .fatal { hasFailed = true }
        if isFenced { throw .simulated(.fenced, "producer fenced") }
        if hasFailed { throw .simulated(.stop, "fatal error") }
        if mustAbort, door != .abortTransaction { throw .simulated(.abort, "the transaction must be aborted") }
        switch fault {
        case .retriable: throw .simulated(.retry, "timed out")
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
            hasFailed = true
            return .simulated(.stop, "\(refusal)")
        }
    }
}

extension TransactionError {
    static func simulated(_ recovery: Recovery, _ name: String) -> TransactionError {
        TransactionError(recovery: recovery, name: name, detail: "simulated")
    }
}
