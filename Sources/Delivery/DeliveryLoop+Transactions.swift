internal import Events
internal import Streaming

/// Lists, dead letters and consumed offsets in one Kafka transaction.
///
/// A transaction takes in what comes for `transactionInterval`, or until the stream pauses, then its
/// offsets, and is committed: one commit for many batches is what makes it cheap. Errors are acted on by
/// librdkafka's own classes. After an abort the same letters go again in the next transaction: reading them
/// again from Kafka would give the same, later, and would have to be told from new events.
///
/// A rebalance never has a transaction span two owners. Partitions that are revoked are still ours: what is
/// under way for them is committed first (Kafka Streams does so), as an abort would make the next owner
/// answer again what is answered. Where that fails, and where partitions are lost, it is aborted, and what
/// answers their records is forgotten: they are the next owner's.
extension DeliveryLoop {
    /// Each call into the producer waits this long at most; an unfinished one goes on in the next turn.
    private static var stepTimeout: Duration { .seconds(1) }
    /// An abort needs delivery reports to be polled between attempts.
    private static var abortTimeout: Duration { .milliseconds(50) }

    func isDue(began: Duration) -> Bool {
        time.elapsed() - began >= configuration.transactionInterval
            || outbox.sent.count >= configuration.inFlightMax / 2
    }

    mutating func beginTransaction() throws(DeliveryError) {
        do throws(TransactionError) {
            publishing = .open(try OpenTransaction(producer, now: time.elapsed()))
            transactionBegan = time.elapsed()
        } catch {
            try endOrWait(error)
        }
    }

    /// The next step of the open transaction, where there is one to take.
    mutating func advanceTransaction(isPausing: Bool) throws(DeliveryError) {
        switch publishing.take() {
        case .alone: publishing = .alone
        case .beginning: try takeOverTransactionalID()
        case .idle:
            publishing = .idle
            // Records without an answer have offsets too.
            guard tracker.hasCommittable, outbox.count == 0 else { return }
            guard figures.isCommitDue(time.elapsed(), interval: configuration.commitInterval) || isPausing else { return }
            try beginTransaction()
        case .open(let transaction):
            let isComplete = isDue(began: transaction.began) || (isPausing && !outbox.hasWaiting)
            guard isComplete, outbox.inFlight == 0, !outbox.isMidBatch else {
                publishing = .open(transaction)
                return
            }
            try commit(transaction.close(offsets: offsetsAfterSent()))
        case .closed(let transaction):
            try commit(transaction)
        case .abandoned(let transaction):
            try abort(transaction)
        }
    }

    /// Turns an open transaction into one that can only be aborted.
    mutating func abandonTransaction(_ reason: String) {
        switch publishing.take() {
        case .open(let transaction): publishing = .abandoned(transaction.abandon())
        case .closed(let transaction): publishing = .abandoned(transaction.abandon())
        case .alone: return publishing = .alone
        case .beginning: return publishing = .beginning
        case .idle: return publishing = .idle
        case .abandoned(let transaction): return publishing = .abandoned(transaction)
        }
        notice(.transactionAborted(reason: reason))
    }

    private mutating func takeOverTransactionalID() throws(DeliveryError) {
        do throws(TransactionError) {
            try producer.initTransactions(timeout: .milliseconds(500))
            publishing = .idle
        } catch {
            publishing = .beginning
            try endOrWait(error)
        }
    }

    /// What may be committed once the letters of this transaction are.
    private func offsetsAfterSent() -> [TopicPartition: Int64] {
        var after = tracker
        for letter in outbox.sentLetters { after.finish(letter) }
        return after.takeCommittable()
    }

    private mutating func commit(_ transaction: consuming ClosedTransaction<World.Producer>) throws(DeliveryError) {
        let group: GroupMetadata
        do throws(StreamingError) {
            group = try consumer.groupMetadata()
        } catch {
            notice(.transactionAborted(reason: "\(error)"))
            return try abort(transaction.abandon())
        }
        switch transaction.commit(group, timeout: Self.stepTimeout) {
        case .committed(let offsets):
            let now = time.elapsed()
            for letter in outbox.takeSent() {
                if letter.isList { figures.recordDelivery(took: now - letter.polled) }
                tracker.finish(letter)
            }
            tracker.markCommitted(offsets)
            figures.committed.merge(offsets) { _, new in new }
            figures.transactionsCommitted += 1
            publishing = .idle
        case .waits(let again, let error):
            publishing = .closed(again)
            notice(.transactionWaits(error))
        case .mustAbort(let abandoned, let error):
            notice(.transactionAborted(reason: "\(error)"))
            try abort(abandoned)
        case .over(let error):
            throw ended(by: error)
        }
    }

    /// Brokers say of a transaction that they gave up what they say of one that a newer instance took over. One that
    /// was open longer than they wait is taken for the first: whoever starts this instance again is right then.
    private func ended(by error: TransactionError) -> DeliveryError {
        guard error.recovery == .fenced, time.elapsed() - transactionBegan >= configuration.transactionTimeout else {
            return .transaction(error)
        }
        return .transaction(TransactionError(recovery: .expired, name: error.name, detail: error.detail))
    }

    private mutating func abort(_ transaction: consuming AbandonedTransaction<World.Producer>) throws(DeliveryError) {
        switch transaction.abort(timeout: Self.abortTimeout) {
        case .aborted:
            figures.transactionsAborted += 1
            outbox.recallSent()
            publishing = .idle
        case .waits(let again, let error):
            publishing = .abandoned(again)
            if error.recovery == .abort { notice(.transactionWaits(error)) }
        case .over(let error):
            throw ended(by: error)
        }
    }

    /// Ends the loop for a record that cannot be sent: by the transaction's own word where it is over.
    func end(_ failure: StreamingError) throws(DeliveryError) {
        if publishing.isUnderWay {
            do throws(TransactionError) {
                try producer.abortTransaction(timeout: Self.abortTimeout)
            } catch {
                if error.recovery == .fenced || error.recovery == .stop { throw ended(by: error) }
            }
        }
        throw .streaming(failure)
    }

    private mutating func endOrWait(_ error: TransactionError) throws(DeliveryError) {
        switch error.recovery {
        case .retry, .abort: notice(.transactionWaits(error))
        case .fenced, .expired, .stop: throw .transaction(error)
        }
    }
}
