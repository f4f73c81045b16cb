internal import Events

/// Which records of each partition are done with: answered and acknowledged, or without need of an
/// answer. What may be committed is everything before the first that is not.
struct OffsetTracker {
    private struct Partition {
        /// Offsets in the order in which they were read, and how many pending records each waits for.
        var entries: [(offset: Int64, open: Int32)] = []
        /// Entries before this one are done and no longer needed.
        var head = 0
        var next: Int64?
        var committed: Int64?
        /// What the group had when reading started: the gap below is read again, and never committed again.
        var floor: Int64 = 0

        var committable: Int64? {
            guard let next, next != committed, next > floor else { return nil }
            return next
        }
    }

    private var partitions: [TopicPartition: Partition] = [:]

    /// Records read and not done with.
    var openCount: Int { partitions.values.reduce(0) { $0 + $1.entries.count - $1.head } }

    /// Reading starts.
    ///
    /// - Parameter committed: what the group has committed. A commit below it would have what was answered
    ///   before it answered again after a crash.
    mutating func start(_ partition: TopicPartition, committed: Int64) {
        partitions[partition, default: Partition()].floor = committed
    }

    /// What the group has committed, as far as is known here; nil for a partition that is not read.
    func committedOffset(of partition: TopicPartition) -> Int64? {
        partitions[partition].map { max($0.floor, $0.committed ?? $0.floor) }
    }

    /// A record was read.
    mutating func begin(_ source: RecordSource) {
        partitions[source.topicPartition, default: Partition()].entries.append((source.offset, 1))
    }

    /// A record waits for one more pending record: it is to be finished once more.
    mutating func extend(_ source: RecordSource) {
        let place = source.topicPartition
        guard let partition = partitions[place], let index = Self.index(of: source.offset, in: partition) else { return }
        partitions[place]?.entries[index].open += 1
    }

    /// A record, or one of those that it waits for, is done with.
    mutating func finish(_ source: RecordSource) {
        let place = source.topicPartition
        guard var partition = partitions.removeValue(forKey: place) else { return }
        if let index = Self.index(of: source.offset, in: partition) { partition.entries[index].open -= 1 }
        while partition.head < partition.entries.count, partition.entries[partition.head].open <= 0 {
            partition.next = partition.entries[partition.head].offset + 1
            partition.head += 1
        }
        if partition.head > 1024 && partition.head * 2 > partition.entries.count {
            partition.entries.removeFirst(partition.head)
            partition.head = 0
        }
        partitions[place] = partition
    }

    /// All that a record answers is done with.
    mutating func finish(_ record: PendingRecord) {
        for source in record.merged { finish(source) }
        finish(record.source)
    }

    /// Forgets a partition that went to another member.
    mutating func remove(_ partition: TopicPartition) {
        partitions[partition] = nil
    }

    /// Whether there is something to commit.
    var hasCommittable: Bool {
        partitions.values.contains { $0.committable != nil }
    }

    /// What can be committed and has not been yet.
    mutating func takeCommittable() -> [TopicPartition: Int64] {
        var offsets: [TopicPartition: Int64] = [:]
        for place in Array(partitions.keys) {
            guard let next = partitions[place]?.committable else { continue }
            offsets[place] = next
            partitions[place]?.committed = next
        }
        return offsets
    }

    /// Offsets were committed in a transaction.
    mutating func markCommitted(_ offsets: [TopicPartition: Int64]) {
        for (place, offset) in offsets { partitions[place]?.committed = offset }
    }

    /// A commit failed: its offsets are to be committed again.
    mutating func forgetCommits() {
        for place in Array(partitions.keys) { partitions[place]?.committed = nil }
    }

    /// Offsets rise within a partition: a binary search.
    private static func index(of offset: Int64, in partition: Partition) -> Int? {
        var low = partition.head
        var high = partition.entries.count
        while low < high {
            let middle = (low + high) / 2
            if partition.entries[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        return low < partition.entries.count && partition.entries[low].offset == offset ? low : nil
    }
}
