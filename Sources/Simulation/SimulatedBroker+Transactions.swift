public import Events

/// What the transaction coordinator keeps of one transactional id.
struct TransactionState: Sendable {
    /// KIP-98's states. `prepareCommit` and `prepareAbort` are decided and durable: whatever happens, the
    /// markers will be written.
    enum Phase: Sendable {
        case empty
        case ongoing
        case prepareCommit
        case prepareAbort
        case completeCommit
        case completeAbort
    }

    var producer: ProducerIdentity
    var phase = Phase.empty
    /// In the order in which they were added.
    var partitions: [TopicPartition] = []
    var groups: [String] = []
    var timeoutMilliseconds: Int64
    var startedMilliseconds: Int64 = 0
}

/// The transaction coordinator.
extension SimulatedBroker {
    /// InitProducerId: the newest incarnation of `id`. What an earlier one left open is aborted, and the
    /// earlier one is fenced.
    public mutating func initTransactions(
        _ id: String, timeoutMilliseconds: Int64, at now: Timestamp
    ) throws(BrokerRefusal) -> ProducerIdentity {
        try requireCoordinator()
        guard var transaction = transactions[id] else {
            let producer = newProducer()
            transactions[id] = TransactionState(producer: producer, timeoutMilliseconds: timeoutMilliseconds)
            transactionalIDs[producer.id] = id
            return producer
        }
        switch transaction.phase {
        case .prepareCommit, .prepareAbort: throw .concurrentTransactions
        case .ongoing:
            transaction.producer.epoch += 1
            transaction.phase = .prepareAbort
            transactions[id] = transaction
            complete(id, at: now)
            transaction = transactions[id] ?? transaction
        case .empty, .completeCommit, .completeAbort: break
        }
        transaction.producer.epoch += 1
        transaction.phase = .empty
        transaction.timeoutMilliseconds = timeoutMilliseconds
        transactions[id] = transaction
        return transaction.producer
    }

    /// AddPartitionsToTxn: the first one begins the transaction.
    public mutating func addPartition(
        _ partition: TopicPartition, to producer: ProducerIdentity, at now: Timestamp
    ) throws(BrokerRefusal) {
        try change(producer, at: now) { transaction in
            if !transaction.partitions.contains(partition) { transaction.partitions.append(partition) }
        }
    }

    /// AddOffsetsToTxn and TxnOffsetCommit: offsets that become the group's with the commit, and are
    /// forgotten with the abort.
    public mutating func addOffsets(
        _ offsets: [TopicPartition: Int64], of membership: GroupMembership, to producer: ProducerIdentity,
        at now: Timestamp
    ) throws(BrokerRefusal) {
        try requireCoordinator()
        let group = membership.group
        try change(producer, at: now) { transaction in
            if !transaction.groups.contains(group) { transaction.groups.append(group) }
        }
        // The transaction is open by now: the group's coordinator is asked after that of the transaction.
        try check(membership)
        groups[group]?.pending[producer.id, default: [:]].merge(offsets) { _, new in new }
    }

    /// EndTxn: decides. The markers are written at once where `completes`, else when the coordinator comes
    /// to it: until then readers are held back and the id is busy.
    public mutating func endTransaction(
        of producer: ProducerIdentity, isCommit: Bool, completes: Bool, at now: Timestamp
    ) throws(BrokerRefusal) {
        try requireCoordinator()
        let (id, transaction) = try transaction(of: producer)
        switch (transaction.phase, isCommit) {
        case (.ongoing, _):
            transactions[id]?.phase = isCommit ? .prepareCommit : .prepareAbort
            if completes { complete(id, at: now) }
        // A request that was applied, but whose answer was lost, comes again.
        case (.completeCommit, true), (.completeAbort, false): return
        case (.prepareCommit, true), (.prepareAbort, false): throw .concurrentTransactions
        default: throw .invalidTransactionState
        }
    }

    /// Time passes: markers that are due are written, transactions that took too long are aborted and
    /// their producers fenced.
    public mutating func advanceTransactions(at now: Timestamp) {
        guard isCoordinatorUp else { return }
        for id in transactions.keys.sorted() {
            guard let transaction = transactions[id] else { continue }
            switch transaction.phase {
            case .prepareCommit, .prepareAbort: complete(id, at: now)
            case .ongoing where now.milliseconds - transaction.startedMilliseconds > transaction.timeoutMilliseconds:
                transactions[id]?.producer.epoch += 1
                transactions[id]?.phase = .prepareAbort
                complete(id, at: now)
            default: break
            }
        }
    }

    /// The broker that coordinates is lost, or another takes over: what was decided is still decided.
    public mutating func setCoordinator(isUp: Bool) { isCoordinatorUp = isUp }

    /// Whether the id has a transaction that readers wait for.
    public func isOpen(_ id: String) -> Bool {
        switch transactions[id]?.phase {
        case .ongoing, .prepareCommit, .prepareAbort: true
        default: false
        }
    }

    private func requireCoordinator() throws(BrokerRefusal) {
        guard isCoordinatorUp else { throw .coordinatorNotAvailable }
    }

    private func transaction(
        of producer: ProducerIdentity
    ) throws(BrokerRefusal) -> (id: String, state: TransactionState) {
        guard let id = transactionalIDs[producer.id], let state = transactions[id] else { throw .invalidTransactionState }
        guard state.producer.epoch == producer.epoch else { throw .producerFenced }
        return (id, state)
    }

    /// Changes an open transaction, and opens it where it is not.
    private mutating func change(
        _ producer: ProducerIdentity, at now: Timestamp, _ body: (inout TransactionState) -> Void
    ) throws(BrokerRefusal) {
        try requireCoordinator()
        var (id, transaction) = try transaction(of: producer)
        switch transaction.phase {
        case .ongoing: break
        case .empty, .completeCommit, .completeAbort:
            transaction.phase = .ongoing
            transaction.partitions = []
            transaction.groups = []
            transaction.startedMilliseconds = now.milliseconds
        case .prepareCommit, .prepareAbort: throw .concurrentTransactions
        }
        body(&transaction)
        transactions[id] = transaction
    }

    /// Writes the markers of what was decided.
    private mutating func complete(_ id: String, at now: Timestamp) {
        guard var transaction = transactions[id] else { return }
        let isCommit = transaction.phase == .prepareCommit
        for partition in transaction.partitions {
            logs[partition]?.end(transaction.producer, isCommit: isCommit, at: now)
        }
        for group in transaction.groups {
            guard let offsets = groups[group]?.pending.removeValue(forKey: transaction.producer.id), isCommit else { continue }
            groups[group]?.committed.merge(offsets) { _, new in new }
        }
        transaction.phase = isCommit ? .completeCommit : .completeAbort
        transactions[id] = transaction
    }
}
