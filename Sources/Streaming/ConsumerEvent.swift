public import Events

/// What a poll of the consumer brings, in order.
public enum ConsumerEvent: Sendable {
    case record(KafkaRecord)
    /// Partitions came: answer with `assign`.
    case assigned([TopicPartition])
    /// Partitions go, their records still ours to commit: answer with `unassign`.
    case revoked([TopicPartition])
    /// Partitions are gone, perhaps to another member already: answer with `unassign`, commit nothing.
    case lost([TopicPartition])
    case statistics(ClientStatistics)
    /// A commit was answered.
    case committed([TopicPartition: Int64])
    case failure(StreamingError)
}

/// Where reading of a partition starts.
public enum StartOffset: Equatable, Sendable {
    case offset(Int64)
    /// Where the group committed; at the beginning where it never did.
    case committed
}
