public import Events
public import Streaming

/// A Kafka cluster as a value: topics, producers with their epochs, transactions and their coordinator,
/// consumer groups and their offsets, by the rules that Kafka documents (KIP-98, KIP-129, KIP-360,
/// KIP-447). What librdkafka's mock cluster only nods at is here in earnest: aborted records are hidden,
/// open transactions hold readers back, an old incarnation is fenced.
///
/// It decides nothing by chance and reads no clock: whoever drives it does.
public struct SimulatedBroker: Sendable {
    var logs: [TopicPartition: SimulatedLog] = [:]
    private var partitionCounts: [String: Int32] = [:]
    private var nextProducerID: Int64 = 1
    var transactions: [String: TransactionState] = [:]
    /// The transactional id that a producer id belongs to.
    var transactionalIDs: [Int64: String] = [:]
    /// False while the coordinator is lost: what was decided is kept, nothing is decided.
    public internal(set) var isCoordinatorUp = true
    var groups: [String: GroupState] = [:]

    public init() {}

    public mutating func createTopic(_ topic: String, partitions: Int32) {
        partitionCounts[topic] = partitions
        for partition in 0..<partitions { logs[TopicPartition(topic: topic, partition: partition)] = SimulatedLog() }
    }

    /// The partitions of a topic, in order.
    public func partitions(of topic: String) -> [TopicPartition] {
        (0..<partitionCounts[topic, default: 0]).map { TopicPartition(topic: topic, partition: $0) }
    }

    /// Where a record with `key` goes. Which hash it is matters to nobody here (FNV-1a).
    public func partition(of key: [UInt8]?, in topic: String) throws(BrokerRefusal) -> TopicPartition {
        guard let count = partitionCounts[topic], count > 0 else { throw .unknownTopicOrPartition }
        let hash = (key ?? []).reduce(UInt32(0x811C_9DC5)) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
        return TopicPartition(topic: topic, partition: Int32(hash % UInt32(count)))
    }

    public func log(_ partition: TopicPartition) throws(BrokerRefusal) -> SimulatedLog {
        guard let log = logs[partition] else { throw .unknownTopicOrPartition }
        return log
    }

    /// A producer that is idempotent, not transactional.
    public mutating func newProducer() -> ProducerIdentity {
        defer { nextProducerID += 1 }
        return ProducerIdentity(id: nextProducerID, epoch: 0)
    }

    /// Appends a record.
    ///
    /// - Parameters:
    ///   - producer: nil where the record comes from a source that needs no guarantee.
    ///   - sequence: counts the producer's records in this partition and epoch.
    public mutating func produce(
        _ record: OutgoingRecord, to partition: TopicPartition, producer: ProducerIdentity?, sequence: Int32,
        at timestamp: Timestamp
    ) throws(BrokerRefusal) -> Int64 {
        guard logs[partition] != nil else { throw .unknownTopicOrPartition }
        var isTransactional = false
        if let producer, let id = transactionalIDs[producer.id] {
            guard let transaction = transactions[id], transaction.producer == producer else { throw .producerFenced }
            guard transaction.phase == .ongoing, transaction.partitions.contains(partition) else {
                throw .invalidTransactionState
            }
            isTransactional = true
        }
        var log = logs.removeValue(forKey: partition) ?? SimulatedLog()
        defer { logs[partition] = log }
        return try log.append(
            record, at: timestamp, producer: producer, sequence: sequence, isTransactional: isTransactional)
    }

    /// Retention: what is below `offset` is gone.
    public mutating func moveLowWatermark(of partition: TopicPartition, to offset: Int64) {
        logs[partition]?.moveLowWatermark(to: offset)
    }

    /// Everything that can be read of a partition.
    public func readAll(_ partition: TopicPartition, isolation: IsolationLevel) -> [KafkaRecord] {
        guard let log = logs[partition],
            // From the low watermark nothing is out of range.
            let read = try? log.read(from: log.lowWatermark, limit: .max, isolation: isolation)
        else { return [] }
        return read.records.map { offset, timestamp, record in
            KafkaRecord(
                source: RecordSource(topicPartition: partition, offset: offset), timestamp: timestamp, key: record.key,
                value: record.value, headers: record.headers)
        }
    }
}
