/// Why the simulated brokers refuse a request, by the names of Kafka's own error codes.
public enum BrokerRefusal: Error, Equatable, Sendable {
    case unknownTopicOrPartition
    /// OFFSET_OUT_OF_RANGE: retention has taken the records, or the offset is yet to come.
    case offsetOutOfRange(earliest: Int64, latest: Int64)
    /// PRODUCER_FENCED, INVALID_PRODUCER_EPOCH: a newer producer has the transactional id.
    case producerFenced
    /// INVALID_TXN_STATE: the request does not fit what the transaction is at.
    case invalidTransactionState
    /// CONCURRENT_TRANSACTIONS: the last transaction of this id is still being completed; try again.
    case concurrentTransactions
    /// COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR: try again.
    case coordinatorNotAvailable
    /// OUT_OF_ORDER_SEQUENCE_NUMBER: a record before this one is missing.
    case outOfOrderSequence
    /// ILLEGAL_GENERATION: the group has rebalanced since.
    case illegalGeneration
    /// UNKNOWN_MEMBER_ID: the group has expelled this member.
    case unknownMember
    /// UNSTABLE_OFFSET_COMMIT: a transaction that commits offsets has not ended; try again.
    case unstableOffsetCommit
}
