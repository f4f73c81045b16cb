internal import Events

/// The order in which the state that survives has learned: what was read, each record once, cut back to
/// the checkpoint at every crash. Kafka orders records within a partition only, so an undisturbed run is
/// comparable where it reads in this order.
struct Lineage {
    private(set) var sources: [RecordSource] = []
    private var next: [TopicPartition: Int64] = [:]

    /// A record was handed over, perhaps not for the first time.
    mutating func append(_ source: RecordSource) {
        guard source.offset >= next[source.topicPartition, default: 0] else { return }
        next[source.topicPartition] = source.offset + 1
        sources.append(source)
    }

    /// The state is that of these offsets again.
    mutating func truncate(to offsets: [TopicPartition: Int64]) {
        sources.removeAll { $0.offset >= offsets[$0.topicPartition, default: 0] }
        next = offsets
    }
}
