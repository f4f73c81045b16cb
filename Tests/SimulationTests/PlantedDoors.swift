import Delivery
import Events
import Streaming

@testable import Simulation

/// A simulated consumer that a planted bug can override a part of.
class PlantedConsumer: RecordConsumer {
    private let consumer: SimulatedConsumer

    required init(_ consumer: SimulatedConsumer) { self.consumer = consumer }

    func poll(into events: inout [ConsumerEvent], eventsMax: Int, timeout: Duration) {
        consumer.poll(into: &events, eventsMax: eventsMax, timeout: timeout)
    }
    func assign(_ starts: [TopicPartition: Int64]) throws(StreamingError) { try consumer.assign(starts) }
    func unassign(_ partitions: [TopicPartition]) throws(StreamingError) { try consumer.unassign(partitions) }
    func pause(_ partitions: [TopicPartition]) throws(StreamingError) { try consumer.pause(partitions) }
    func resume(_ partitions: [TopicPartition]) throws(StreamingError) { try consumer.resume(partitions) }
    func offsetRange(of partition: TopicPartition, timeout: Duration) throws(StreamingError) -> Range<Int64> {
        try consumer.offsetRange(of: partition, timeout: timeout)
    }
    func firstOffset(of partition: TopicPartition, timeout: Duration) throws(StreamingError) -> Int64 {
        try consumer.firstOffset(of: partition, timeout: timeout)
    }
    func partitionCount(of topic: String, timeout: Duration) throws(StreamingError) -> Int {
        try consumer.partitionCount(of: topic, timeout: timeout)
    }
    func committedOffsets(
        for partitions: [TopicPartition], timeout: Duration
    ) throws(StreamingError) -> [TopicPartition: Int64] {
        try consumer.committedOffsets(for: partitions, timeout: timeout)
    }
    func commit(_ offsets: [TopicPartition: Int64]) throws(StreamingError) { try consumer.commit(offsets) }
    func commit(_ offsets: [TopicPartition: Int64], within timeout: Duration) throws(StreamingError) {
        try consumer.commit(offsets, within: timeout)
    }
    func groupMetadata() throws(StreamingError) -> GroupMetadata { try consumer.groupMetadata() }
    func close(timeout: Duration) { consumer.close(timeout: timeout) }
}

/// A simulated producer that a planted bug can override a part of.
class PlantedProducer: RecordProducer {
    private let producer: SimulatedProducer

    init(_ producer: SimulatedProducer) { self.producer = producer }

    func send(_ record: OutgoingRecord, token: UInt) throws(StreamingError) { try producer.send(record, token: token) }
    func poll(into reports: inout [DeliveryReport], timeout: Duration) { producer.poll(into: &reports, timeout: timeout) }
    func initTransactions(timeout: Duration) throws(TransactionError) { try producer.initTransactions(timeout: timeout) }
    func beginTransaction() throws(TransactionError) { try producer.beginTransaction() }
    func sendOffsets(
        _ offsets: [TopicPartition: Int64], group: GroupMetadata, timeout: Duration
    ) throws(TransactionError) {
        try producer.sendOffsets(offsets, group: group, timeout: timeout)
    }
    func commitTransaction(timeout: Duration) throws(TransactionError) { try producer.commitTransaction(timeout: timeout) }
    func abortTransaction(timeout: Duration) throws(TransactionError) { try producer.abortTransaction(timeout: timeout) }
}
