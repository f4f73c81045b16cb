internal import Events

/// Which records of each partition are done with: answered and acknowledged, or without need of an
/// answer. What may be committed is everything before the first that is not.
struct OffsetTracker {
    private struct Partition {
        /// Offsets in the order in which they were read, and whether each is done.
        var entries: [(offset: Int64, isDone: Bool)] = []
        /// Entries before this one are done and no longer needed.
        var head = 0
        var next: Int64?
        var committed: Int64?
    }

    private var partitions: [TopicPartition: Partition] = [:]

    /// A record was read.
    mutating func begin(_ source: RecordSource) {
        partitions[source.topicPartition, default: Partition()].entries.append((source.offset, false))
    }

    /// A record is done with.
    mutating func finish(_ source: RecordSource) {
        let place = source.topicPartition
        guard var partition = partitions.removeValue(forKey: place) else { return }
        if let index = Self.index(of: source.offset, in: partition) { partition.entries[index].isDone = true }
        while partition.head < partition.entries.count, partition.entries[partition.head].isDone {
            partition.next = partition.entries[partition.head].offset + 1
            partition.head += 1
        }
        if partition.head > 1024 && partition.head * 2 > partition.entries.count {
            partition.entries.removeFirst(partition.head)
            partition.head = 0
        }
        partitions[place] = partition
    }

    /// Forgets a partition that went to another member.
    mutating func remove(_ partition: TopicPartition) {
        partitions[partition] = nil
    }

    /// What can be committed and has not been yet.
    mutating func takeCommittable() -> [TopicPartition: Int64] {
        var offsets: [TopicPartition: Int64] = [:]
        for place in Array(partitions.keys) {
            guard let next = partitions[place]?.next, next != partitions[place]?.committed else { continue }
            offsets[place] = next
            partitions[place]?.committed = next
        }
        return offsets
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
