internal import Events
internal import Streaming

/// A record on its way to Kafka, and the events that wait for it.
struct PendingRecord {
    var record: OutgoingRecord
    /// The event that it answers.
    private(set) var source: RecordSource
    /// Earlier events that it answers too.
    private(set) var merged: [RecordSource] = []
    /// When that event was polled.
    var polled: Duration
    var isList: Bool
    /// The batch that it came of.
    var batch: UInt64 = 0
    /// Whether the producer does not have it.
    var isWaiting = true
    /// Whether the producer has it, and an older record of its key will come after it.
    var isOvertaken = false
    /// Whether it shares no request with others: one that the brokers refused may be another's fault.
    var goesAlone = false

    init(record: OutgoingRecord, source: RecordSource, merged: [RecordSource] = [], polled: Duration, isList: Bool) {
        self.merged = merged
        self.record = record
        self.source = source
        self.polled = polled
        self.isList = isList
    }

    var key: RecordKey { RecordKey(topic: record.topic, key: record.key) }

    /// The same for the events of other partitions; nil where there are none.
    func without(_ partitions: Set<TopicPartition>) -> PendingRecord? {
        var left = self
        left.merged.removeAll { partitions.contains($0.topicPartition) }
        guard partitions.contains(source.topicPartition) else { return left }
        guard let last = left.merged.popLast() else { return nil }
        left.source = last
        return left
    }
}

/// What a compacted topic tells records apart by.
struct RecordKey: Hashable {
    var topic: String
    var key: [UInt8]?
}
