public import Events

/// Writes records, alone or in transactions: what `Delivery` needs of a producer.
public protocol RecordProducer: AnyObject {
    /// Hands a record over; what became of it comes with `token` in a delivery report.
    ///
    /// - Throws: `StreamingError.queueFull` where deliveries must be polled first.
    func send(_ record: OutgoingRecord, token: UInt) throws(StreamingError)

    /// Appends the reports that are there; waits at most `timeout` for the first.
    func poll(into reports: inout [DeliveryReport], timeout: Duration)

    /// Takes over the transactional id: an older producer with the same one is fenced, what it left open is
    /// aborted. Once, before the first transaction; where it is retriable, again until it returns.
    func initTransactions(timeout: Duration) throws(TransactionError)

    func beginTransaction() throws(TransactionError)

    /// Adds consumed offsets to the open transaction: each the next offset to read.
    func sendOffsets(
        _ offsets: [TopicPartition: Int64], group: GroupMetadata, timeout: Duration
    ) throws(TransactionError)

    /// Every record of the transaction must have its report before.
    func commitTransaction(timeout: Duration) throws(TransactionError)

    /// Records without a report get one that failed.
    func abortTransaction(timeout: Duration) throws(TransactionError)
}

/// Why a step of a transaction failed, by the class that librdkafka itself gives it
/// (`rd_kafka_error_txn_requires_abort`, `rd_kafka_error_is_retriable`, `rd_kafka_error_is_fatal`).
public struct TransactionError: Error, Equatable, Sendable {
    public enum Recovery: Equatable, Sendable {
        /// Call the same again.
        case retry
        /// Nothing but an abort helps; then go on with a new transaction.
        case abort
        /// A newer producer has the transactional id, or the brokers gave up a transaction that was open longer than
        /// they wait: this producer is over.
        case fenced
        /// Only a person can help: Kafka does not allow it, or does not know transactions.
        case refused
        /// This producer is over; a new one can go on.
        case stop
    }

    public var recovery: Recovery
    public var name: String
    public var detail: String

    public init(recovery: Recovery, name: String, detail: String) {
        self.recovery = recovery
        self.name = name
        self.detail = detail
    }

    /// What follows from the class, in the terms of every other error.
    public var policy: Events.Recovery {
        switch recovery {
        case .retry: .retry
        case .abort: .abortTransaction
        case .stop: .restart
        case .fenced: .fenced
        case .refused: .operator
        }
    }
}

extension TransactionError: CustomStringConvertible {
    public var description: String {
        switch recovery {
        case .fenced:
            "another freshet has taken over this transactional id (\(name)): give each instance its own kafka.client_id or kafka.transactional_id"
        case .retry, .abort, .stop, .refused:
            detail.isEmpty ? "Kafka transaction: \(name)" : "Kafka transaction: \(name): \(detail)"
        }
    }
}
