internal import Events
internal import Streaming

/// A Kafka transaction that takes records in. Each state of a transaction is a type of its own that can be used once,
/// so that a call which librdkafka would refuse in that state cannot be written.
///
/// ```
/// Open ──close──▶ Closing ──sendOffsets──▶ Committing ──commit──▶ (committed)
///   │                │                         │
///   └────abort───────┴──────▶ Aborting ◀───────┘ only where the brokers ask for it
/// ```
struct OpenTransaction<Producer: RecordProducer>: ~Copyable {
    private let producer: Producer
    /// When it began.
    let began: Duration

    /// Begins one.
    init(_ producer: Producer, now: Duration) throws(TransactionError) {
        try producer.beginTransaction()
        self.producer = producer
        began = now
    }

    func send(_ record: OutgoingRecord, token: UInt) throws(StreamingError) {
        try producer.send(record, token: token)
    }

    /// Takes nothing more in. Every record sent must have its report.
    ///
    /// - Parameter offsets: what the group has committed once this transaction is.
    consuming func close(offsets: [TopicPartition: Int64]) -> ClosingTransaction<Producer> {
        ClosingTransaction(producer, offsets: offsets)
    }

    consuming func abort() -> AbortingTransaction<Producer> { AbortingTransaction(producer, commitRequested: nil) }
}

/// A transaction whose records are with the brokers and whose offsets are not. It can still be aborted.
struct ClosingTransaction<Producer: RecordProducer>: ~Copyable {
    private let producer: Producer
    private let offsets: [TopicPartition: Int64]

    fileprivate init(_ producer: Producer, offsets: [TopicPartition: Int64]) {
        self.producer = producer
        self.offsets = offsets
    }

    enum Outcome: ~Copyable {
        case sent(CommittingTransaction<Producer>)
        /// Try again.
        case waits(ClosingTransaction, TransactionError)
        case mustAbort(AbortingTransaction<Producer>, TransactionError)
        /// The producer has failed for good.
        case failed(TransactionError)
    }

    /// Adds the offsets, waiting at most `timeout`.
    consuming func sendOffsets(_ group: GroupMetadata, timeout: Duration) -> Outcome {
        do throws(TransactionError) {
            if !offsets.isEmpty { try producer.sendOffsets(offsets, group: group, timeout: timeout) }
            return .sent(CommittingTransaction(producer, offsets: offsets))
        } catch {
            switch error.recovery {
            case .retry: return .waits(self, error)
            case .abort: return .mustAbort(AbortingTransaction(producer, commitRequested: nil), error)
            case .fenced, .refused, .stop: return .failed(error)
            }
        }
    }

    consuming func abort() -> AbortingTransaction<Producer> { AbortingTransaction(producer, commitRequested: nil) }
}

/// A transaction whose commit may have been requested. It cannot be aborted at will: the brokers may have committed it
/// already, and librdkafka refuses every call but the same one until that has returned (`_CONFLICT`, retriable, for
/// ever: rdkafka_txnmgr.c, `rd_kafka_txn_curr_api_begin`).
struct CommittingTransaction<Producer: RecordProducer>: ~Copyable {
    private let producer: Producer
    let offsets: [TopicPartition: Int64]

    fileprivate init(_ producer: Producer, offsets: [TopicPartition: Int64]) {
        self.producer = producer
        self.offsets = offsets
    }

    enum Outcome: ~Copyable {
        case committed(offsets: [TopicPartition: Int64])
        /// Resume it: it may have got further.
        case waits(CommittingTransaction, TransactionError)
        case mustAbort(AbortingTransaction<Producer>, TransactionError)
        /// The producer has failed for good; whether the transaction was committed is to be found out.
        case failed(TransactionError, offsets: [TopicPartition: Int64])
    }

    /// Commits, or resumes the commit, waiting at most `timeout`.
    consuming func commit(timeout: Duration) -> Outcome {
        do throws(TransactionError) {
            try producer.commitTransaction(timeout: timeout)
            return .committed(offsets: offsets)
        } catch {
            switch error.recovery {
            case .retry: return .waits(self, error)
            case .abort: return .mustAbort(AbortingTransaction(producer, commitRequested: offsets), error)
            case .fenced, .refused, .stop: return .failed(error, offsets: offsets)
            }
        }
    }
}

/// A transaction that can only be aborted.
struct AbortingTransaction<Producer: RecordProducer>: ~Copyable {
    private let producer: Producer
    /// The offsets of a commit that was requested before the brokers asked for the abort; nil where none was. If the
    /// abort fails for good, the commit may have succeeded.
    let commitRequested: [TopicPartition: Int64]?

    fileprivate init(_ producer: Producer, commitRequested: [TopicPartition: Int64]?) {
        self.producer = producer
        self.commitRequested = commitRequested
    }

    enum Outcome: ~Copyable {
        case aborted
        case waits(AbortingTransaction, TransactionError)
        /// The producer has failed for good.
        case failed(TransactionError, commitRequested: [TopicPartition: Int64]?)
    }

    /// Aborts, waiting at most `timeout`. Delivery reports must be polled between two attempts.
    consuming func abort(timeout: Duration) -> Outcome {
        do throws(TransactionError) {
            try producer.abortTransaction(timeout: timeout)
            return .aborted
        } catch {
            switch error.recovery {
            case .retry, .abort: return .waits(self, error)
            case .fenced, .refused, .stop: return .failed(error, commitRequested: commitRequested)
            }
        }
    }
}
