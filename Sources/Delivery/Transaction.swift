internal import Events
internal import Streaming

/// A Kafka transaction that takes records in. Each state is a type of its own that can be used once: what
/// was closed takes nothing more in, and what must be aborted can do nothing else.
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
    consuming func close(offsets: [TopicPartition: Int64]) -> ClosedTransaction<Producer> {
        ClosedTransaction(producer, offsets: offsets)
    }

    consuming func abandon() -> AbandonedTransaction<Producer> { AbandonedTransaction(producer) }
}

/// A transaction whose records are with the brokers: its offsets go in, then it is committed.
struct ClosedTransaction<Producer: RecordProducer>: ~Copyable {
    private let producer: Producer
    let offsets: [TopicPartition: Int64]
    private var hasOffsets: Bool

    fileprivate init(_ producer: Producer, offsets: [TopicPartition: Int64]) {
        self.producer = producer
        self.offsets = offsets
        hasOffsets = offsets.isEmpty
    }

    enum Outcome: ~Copyable {
        case committed(offsets: [TopicPartition: Int64])
        /// Try again: it may have got further.
        case waits(ClosedTransaction, TransactionError)
        case mustAbort(AbandonedTransaction<Producer>, TransactionError)
        /// The producer is over.
        case over(TransactionError)
    }

    /// Commits, waiting at most `timeout` for each of the two steps.
    consuming func commit(_ group: GroupMetadata, timeout: Duration) -> Outcome {
        do throws(TransactionError) {
            if !hasOffsets {
                try producer.sendOffsets(offsets, group: group, timeout: timeout)
                hasOffsets = true
            }
            try producer.commitTransaction(timeout: timeout)
            return .committed(offsets: offsets)
        } catch {
            switch error.recovery {
            case .retry: return .waits(self, error)
            case .abort: return .mustAbort(AbandonedTransaction(producer), error)
            case .fenced, .expired, .stop: return .over(error)
            }
        }
    }

    consuming func abandon() -> AbandonedTransaction<Producer> { AbandonedTransaction(producer) }
}

/// A transaction that can only be aborted.
struct AbandonedTransaction<Producer: RecordProducer>: ~Copyable {
    private let producer: Producer

    fileprivate init(_ producer: Producer) { self.producer = producer }

    enum Outcome: ~Copyable {
        case aborted
        case waits(AbandonedTransaction, TransactionError)
        case over(TransactionError)
    }

    /// Aborts, waiting at most `timeout`. Delivery reports must be polled between two attempts.
    consuming func abort(timeout: Duration) -> Outcome {
        do throws(TransactionError) {
            try producer.abortTransaction(timeout: timeout)
            return .aborted
        } catch {
            switch error.recovery {
            case .retry, .abort: return .waits(self, error)
            case .fenced, .expired, .stop: return .over(error)
            }
        }
    }
}
