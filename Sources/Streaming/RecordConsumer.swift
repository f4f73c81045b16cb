public import Events

/// Reads partitions that it is told to read: what `Delivery` needs of a consumer beyond its group, and all
/// that it needs to read a changelog back.
///
/// librdkafka's `Consumer` is one; a simulated broker can be another. Nothing here waits longer than it
/// was told to, and nothing calls back: what happens comes out of `poll`, in order.
public protocol PartitionReader: AnyObject {
    /// Appends what has arrived to `events`: waits at most `timeout` for the first, then takes what is
    /// there, up to `eventsMax`.
    func poll(into events: inout [ConsumerEvent], eventsMax: Int, timeout: Duration)

    /// Starts reading at these offsets. What is read already goes on; a partition that is named again starts over.
    func assign(_ starts: [TopicPartition: Int64]) throws(StreamingError)

    /// Stops reading.
    func unassign(_ partitions: [TopicPartition]) throws(StreamingError)

    /// The first offset that is still there, and the one after the newest record.
    func offsetRange(of partition: TopicPartition, timeout: Duration) throws(StreamingError) -> Range<Int64>

    /// Partitions of a topic; 0 where it does not exist.
    func partitionCount(of topic: String, timeout: Duration) throws(StreamingError) -> Int

    /// Ends it. Nothing can be polled after.
    func close(timeout: Duration)
}

/// A partition reader that is a member of a group: it is told by the group what to read, and commits there.
public protocol RecordConsumer: PartitionReader {
    /// What the group has committed, pending transactions resolved; partitions without a commit are absent.
    func committedOffsets(
        for partitions: [TopicPartition], timeout: Duration
    ) throws(StreamingError) -> [TopicPartition: Int64]

    /// Where reading of a partition begins that the group has committed nothing of: at the first record that is
    /// there, or where `auto.offset.reset` says.
    func firstOffset(of partition: TopicPartition, timeout: Duration) throws(StreamingError) -> Int64

    /// Reads nothing of these partitions for a while; everything else still comes out of `poll`, which must
    /// be called all the same.
    func pause(_ partitions: [TopicPartition]) throws(StreamingError)

    /// Goes on reading where it was.
    func resume(_ partitions: [TopicPartition]) throws(StreamingError)

    /// Commits the next offsets to answer. The outcome comes as an event.
    func commit(_ offsets: [TopicPartition: Int64]) throws(StreamingError)

    /// Commits the next offsets to answer, and waits for the outcome, at most `timeout`; after that it may still be
    /// applied.
    func commit(_ offsets: [TopicPartition: Int64], within timeout: Duration) throws(StreamingError)

    /// The membership as it is now. A transaction that carries it is refused once the group has moved on.
    func groupMetadata() throws(StreamingError) -> GroupMetadata
}

/// Who a consumer is in its group: member and generation, in a form that only the client library reads.
public struct GroupMetadata: Equatable, Sendable {
    public var bytes: [UInt8]

    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }
}
