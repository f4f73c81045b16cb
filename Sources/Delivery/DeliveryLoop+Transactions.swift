internal import Events
internal import Streaming

/// Lists, dead letters and consumed offsets in one Kafka transaction.
///
/// A transaction takes in what comes for `transactionInterval`, or until the stream pauses, then its
/// offsets, and is committed: one commit for many batches is what makes it cheap. Errors are acted on by
/// librdkafka's own classes. After an abort the same records go again in the next transaction: reading them
/// again from Kafka would give the same, later, and would have to be told from new events.
///
/// A rebalance never has a transaction span two owners. Partitions that are revoked are still ours: what is
/// under way for them is committed first (Kafka Streams does so), as an abort would make the next owner
/// answer again what is answered. Where that fails, and where partitions are lost, it is aborted, and what
/// answers their records is forgotten: they are the next owner's. A commit that was requested already is resumed all
/// the same until its outcome is known: the next owner's question for the committed offsets waits for it.
///
/// A producer that fails for good is replaced by a new one. Taking over the transactional id ends what the old one left
/// open; whether a commit that was requested and never answered succeeded is read from what the group has committed.
extension DeliveryLoop {
    func isDue(began: Duration) -> Bool {
        time.elapsed() - began >= configuration.transactionInterval
            || outbox.sent.count >= configuration.inFlightMax / 2
    }

    mutating func beginTransaction() throws(DeliveryError) {
        do throws(TransactionError) {
            publishing = .open(try OpenTransaction(producer, now: time.elapsed()))
            transactionBegan = time.elapsed()
        } catch {
            try retryOrReplaceProducer(error)
        }
    }

    /// The next step of the open transaction, where there is one to take.
    mutating func advanceTransaction(isPausing: Bool) throws(DeliveryError) {
        switch publishing.take() {
        case .nonTransactional: publishing = .nonTransactional
        case .initializing(let unresolved): try takeOverTransactionalID(unresolved)
        case .idle:
            publishing = .idle
            // Records without an answer have offsets too.
            guard partitions.hasCommittable, outbox.count == 0 else { return }
            guard figures.isCommitDue(time.elapsed(), interval: configuration.commitInterval) || isPausing else { return }
            try beginTransaction()
        case .open(let transaction):
            let isComplete = isDue(began: transaction.began) || (isPausing && !outbox.hasWaiting)
            guard isComplete, outbox.inFlight == 0, !outbox.isMidBatch else {
                publishing = .open(transaction)
                return
            }
            try sendOffsets(transaction.close(offsets: partitions.committable(after: outbox.sentRecords)))
        case .closing(let transaction):
            try sendOffsets(transaction)
        case .committing(let transaction):
            try commit(transaction)
        case .aborting(let transaction):
            try abort(transaction)
        }
    }

    /// Has the open transaction aborted. One whose commit was requested goes on: only its outcome can end it.
    mutating func abortTransaction(_ reason: String) {
        switch publishing.take() {
        case .open(let transaction): publishing = .aborting(transaction.abort())
        case .closing(let transaction): publishing = .aborting(transaction.abort())
        case .nonTransactional: return publishing = .nonTransactional
        case .initializing(let unresolved): return publishing = .initializing(unresolved: unresolved)
        case .idle: return publishing = .idle
        case .committing(let transaction): return publishing = .committing(transaction)
        case .aborting(let transaction): return publishing = .aborting(transaction)
        }
        notice(.transactionAborted(reason: reason))
    }

    private mutating func takeOverTransactionalID(_ unresolved: [TopicPartition: Int64]?) throws(DeliveryError) {
        publishing = .initializing(unresolved: unresolved)
        do throws(TransactionError) {
            try producer.initTransactions(timeout: WaitLimits.initializationStep)
        } catch {
            return try retryOrReplaceProducer(error)
        }
        if let unresolved {
            // The id is taken over: nothing is pending any more, and the group's answer is final.
            guard let isCommitted = try isCommitted(unresolved) else { return }
            if isCommitted { finishCommit(unresolved) } else { outbox.recallSent() }
        }
        publishing = .idle
    }

    /// Whether a transaction with these offsets was committed, by what the group has; nil where it cannot be asked now.
    private mutating func isCommitted(_ offsets: [TopicPartition: Int64]) throws(DeliveryError) -> Bool? {
        do throws(StreamingError) {
            // What is another's now says nothing of what was committed here.
            let own = offsets.keys.filter { partitions.reading($0) != nil }
            guard !own.isEmpty else { return false }
            let committed = try consumer.committedOffsets(for: own, timeout: WaitLimits.transactionStep)
            // Each transaction moves each of its offsets: one that is there says that all are.
            return own.contains { partition in committed[partition].map { $0 >= offsets[partition] ?? .max } ?? false }
        } catch {
            try handle(error)
            return nil
        }
    }

    private mutating func sendOffsets(_ transaction: consuming ClosingTransaction<World.Producer>) throws(DeliveryError) {
        let group: GroupMetadata
        do throws(StreamingError) {
            group = try consumer.groupMetadata()
        } catch {
            notice(.transactionAborted(reason: "\(error)"))
            return try abort(transaction.abort())
        }
        switch transaction.sendOffsets(group, timeout: WaitLimits.transactionStep) {
        case .sent(let committing):
            try commit(committing)
        case .waits(let again, let error):
            publishing = .closing(again)
            notice(.transactionWaits(error))
        case .mustAbort(let aborting, let error):
            notice(.transactionAborted(reason: "\(error)"))
            try abort(aborting)
        case .failed(let error):
            try replaceTransactionalProducer(error, unresolved: nil)
        }
    }

    private mutating func commit(_ transaction: consuming CommittingTransaction<World.Producer>) throws(DeliveryError) {
        switch transaction.commit(timeout: WaitLimits.transactionStep) {
        case .committed(let offsets):
            finishCommit(offsets)
            publishing = .idle
        case .waits(let again, let error):
            publishing = .committing(again)
            notice(.transactionWaits(error))
        case .mustAbort(let aborting, let error):
            notice(.transactionAborted(reason: "\(error)"))
            try abort(aborting)
        case .failed(let error, let offsets):
            try replaceTransactionalProducer(error, unresolved: offsets)
        }
    }

    /// The transaction is committed: its lists are out, its offsets are the group's.
    private mutating func finishCommit(_ offsets: [TopicPartition: Int64]) {
        let now = time.elapsed()
        for record in outbox.takeSent() {
            if record.isList { figures.recordDelivery(took: now - record.polled) }
            partitions.finish(record)
        }
        partitions.markCommitted(offsets)
        partitions.confirmCommits(offsets)
        figures.transactionsCommitted += 1
        replacements.recordProgress()
    }

    private mutating func abort(_ transaction: consuming AbortingTransaction<World.Producer>) throws(DeliveryError) {
        switch transaction.abort(timeout: WaitLimits.abortStep) {
        case .aborted:
            figures.transactionsAborted += 1
            outbox.recallSent()
            publishing = .idle
        case .waits(let again, let error):
            publishing = .aborting(again)
            notice(.transactionWaits(error))
        case .failed(let error, let commitRequested):
            try replaceTransactionalProducer(error, unresolved: commitRequested)
        }
    }

    private mutating func retryOrReplaceProducer(_ error: TransactionError) throws(DeliveryError) {
        switch error.recovery {
        case .retry, .abort: notice(.transactionWaits(error))
        case .fenced, .refused, .stop: try replaceTransactionalProducer(error, unresolved: publishing.unresolvedOffsets)
        }
    }

    /// Puts a new producer in the place of one that has failed for good, unless a newer instance has taken over or only
    /// a person can help.
    ///
    /// Brokers say of a transaction that they gave up what they say of one that a newer instance took over. One that
    /// was open longer than they wait is taken for the first.
    mutating func replaceTransactionalProducer(
        _ error: TransactionError, unresolved: [TopicPartition: Int64]?
    ) throws(DeliveryError) {
        let hasExpired = time.elapsed() - transactionBegan >= configuration.transactionTimeout
        switch error.recovery {
        case .refused: throw .transaction(error)
        case .fenced where !hasExpired: throw .transaction(error)
        case .retry, .abort, .fenced, .stop: break
        }
        guard replacements.mayReplace() else {
            throw .transaction(TransactionError(recovery: .stop, name: error.name, detail: error.detail))
        }
        notice(.producerReplaced(reason: "\(error)"))
        if unresolved == nil { outbox.recallSent() }
        try makeNewProducer()
        publishing = .initializing(unresolved: unresolved)
    }
}
