public import Events

/// What a poll of the consumer brings, in order.
public enum ConsumerEvent: Sendable {
    case record(KafkaRecord)
    /// Partitions came, perhaps none: answer with `assign`, of none at first where more must be known. The group
    /// waits for an answer.
    case assigned([TopicPartition])
    /// Partitions go, their records still ours to commit: answer with `unassign` of those that were assigned.
    case revoked([TopicPartition])
    /// Partitions are gone, perhaps to another member already: answer with `unassign` of those
    /// that were assigned, commit nothing.
    case lost([TopicPartition])
    case statistics(ClientStatistics)
    /// A commit was answered.
    case committed([TopicPartition: Int64])
    /// A commit that was not waited for failed.
    case commitFailed(StreamingError)
    /// The offset to read is no longer, or not yet, in the partition: reading stands still until it is
    /// assigned anew.
    case outOfRange(TopicPartition)
    /// All there is of a partition is read, up to this offset, markers of transactions included; more may come.
    case endOfPartition(TopicPartition, offset: Int64)
    case failure(StreamingError)
}
