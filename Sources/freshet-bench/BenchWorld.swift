import Daemon
import Delivery
import Events
import Streaming

/// The daemon's delivery loop without Kafka: records are made as fast as they are read, and acknowledged as soon as
/// they are sent; checkpoints go to a real state directory, as the daemon writes them.
enum BenchWorld: DeliveryWorld {
    typealias Consumer = EndlessConsumer
    typealias Reader = EndlessConsumer
    typealias Producer = AcknowledgingProducer
    typealias Store = CheckpointWriter
    typealias Time = BenchTime
}

struct BenchTime: TimeSource {
    /// Events are as old as their own clock says: the traffic's.
    private let wallTime: Timestamp
    private let clock: () -> Duration

    /// The clock of the machine.
    init(wallTime: Timestamp) {
        let began = ContinuousClock.now
        self.init(wallTime: wallTime) { ContinuousClock.now - began }
    }

    init(wallTime: Timestamp, clock: @escaping () -> Duration) {
        self.wallTime = wallTime
        self.clock = clock
    }

    func elapsed() -> Duration { clock() }
    func wall() -> Timestamp { wallTime }
}

/// One partition that never ends.
final class EndlessConsumer: RecordConsumer {
    private let partition = TopicPartition(topic: "events", partition: 0)
    private let makeRecord: (RecordSource) -> KafkaRecord
    private var isAnnounced = false
    private var next: Int64?
    private var isPaused = false
    private var committed: [TopicPartition: Int64] = [:]

    init(_ makeRecord: @escaping (RecordSource) -> KafkaRecord) { self.makeRecord = makeRecord }

    func poll(into events: inout [ConsumerEvent], eventsMax: Int, timeout: Duration) {
        if !isAnnounced {
            isAnnounced = true
            return events.append(.assigned([partition]))
        }
        guard var offset = next, !isPaused else { return }
        for _ in 0..<eventsMax {
            events.append(.record(makeRecord(RecordSource(topicPartition: partition, offset: offset))))
            offset += 1
        }
        next = offset
    }

    func assign(_ starts: [TopicPartition: Int64]) throws(StreamingError) { next = starts[partition] ?? next }
    func unassign(_ partitions: [TopicPartition]) throws(StreamingError) { next = nil }
    func pause(_ partitions: [TopicPartition]) throws(StreamingError) { isPaused = true }
    func resume(_ partitions: [TopicPartition]) throws(StreamingError) { isPaused = false }
    func offsetRange(of partition: TopicPartition, timeout: Duration) throws(StreamingError) -> Range<Int64> { 0..<1 << 40 }
    func firstOffset(of partition: TopicPartition, timeout: Duration) throws(StreamingError) -> Int64 { 0 }
    func partitionCount(of topic: String, timeout: Duration) throws(StreamingError) -> Int { 1 }
    func committedOffsets(
        for partitions: [TopicPartition], timeout: Duration
    ) throws(StreamingError) -> [TopicPartition: Int64] { committed }
    func commit(_ offsets: [TopicPartition: Int64], within timeout: Duration) throws(StreamingError) { try commit(offsets) }

    func commit(_ offsets: [TopicPartition: Int64]) throws(StreamingError) {
        committed.merge(offsets) { _, new in new }
    }
    func groupMetadata() throws(StreamingError) -> GroupMetadata { GroupMetadata(bytes: []) }
    func close(timeout: Duration) {}
}

/// Has everything acknowledged by the next poll.
final class AcknowledgingProducer: RecordProducer {
    private var sent: [UInt] = []

    func send(_ record: OutgoingRecord, token: UInt) throws(StreamingError) { sent.append(token) }

    func poll(into reports: inout [DeliveryReport], timeout: Duration) {
        for token in sent { reports.append(DeliveryReport(token: token, failure: nil)) }
        sent.removeAll(keepingCapacity: true)
    }

    func initTransactions(timeout: Duration) throws(TransactionError) {}
    func beginTransaction() throws(TransactionError) {}
    func sendOffsets(
        _ offsets: [TopicPartition: Int64], group: GroupMetadata, timeout: Duration
    ) throws(TransactionError) {}
    func commitTransaction(timeout: Duration) throws(TransactionError) {}
    func abortTransaction(timeout: Duration) throws(TransactionError) {}
}
