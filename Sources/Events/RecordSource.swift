/// One partition of one topic.
public struct TopicPartition: Hashable, Sendable {
    public let topic: String
    public let partition: Int32

    public init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
}

extension TopicPartition: CustomStringConvertible {
    public var description: String { "\(topic)[\(partition)]" }
}

/// Where a record stands in Kafka.
public struct RecordSource: Hashable, Sendable {
    public let topicPartition: TopicPartition
    public let offset: Int64

    public init(topicPartition: TopicPartition, offset: Int64) {
        self.topicPartition = topicPartition
        self.offset = offset
    }
}

extension RecordSource: CustomStringConvertible {
    public var description: String { "\(topicPartition)@\(offset)" }
}
