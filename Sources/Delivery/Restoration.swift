internal import Events

/// Which partitions wait for which part of the changelog, and what came of it so far.
struct Restoration {
    struct Waiting {
        var partition: TopicPartition
        /// Where reading of it goes on: at what the group has committed, or before, where that is to be learned.
        var next: Int64
        /// The changelog is read up to here at least.
        var end: Int64
    }

    /// How far the newest record of a user goes.
    private struct Adopted {
        var through: RecordSource
        /// False after a tombstone.
        var isKept: Bool
    }

    /// For each partition of the changelog that is being read.
    private(set) var waiting: [TopicPartition: [Waiting]] = [:]

    /// Users that came from a part of the changelog so far.
    private var adopted: [TopicPartition: [UserID: Adopted]] = [:]

    var isEmpty: Bool { waiting.isEmpty }

    /// The partitions that wait.
    var partitions: [TopicPartition] { waiting.values.flatMap { $0.map(\.partition) } }

    mutating func begin(_ changelog: TopicPartition, _ new: Waiting) {
        waiting[changelog, default: []].append(new)
        // It is read from its beginning once more.
        adopted[changelog] = nil
    }

    /// The partition that a session came from, where it is waited for.
    func wait(for partition: TopicPartition, in changelog: TopicPartition) -> Waiting? {
        waiting[changelog]?.first { $0.partition == partition }
    }

    /// A session came.
    ///
    /// - Returns: false where it is older than what came before it.
    mutating func adopt(_ user: UserID, through: RecordSource, in changelog: TopicPartition) -> Bool {
        if let earlier = adopted[changelog]?[user], Self.isOlder(through, than: earlier.through) { return false }
        adopted[changelog, default: [:]][user] = Adopted(through: through, isKept: true)
        return true
    }

    /// A tombstone came.
    ///
    /// - Parameter through: how far it goes; nil where it does not say, and counts.
    /// - Returns: whether the user came from there, and is to be forgotten.
    mutating func forget(_ user: UserID, through: RecordSource?, in changelog: TopicPartition) -> Bool {
        let earlier = adopted[changelog]?[user]
        if let through, let earlier, Self.isOlder(through, than: earlier.through) { return false }
        if let through, wait(for: through.topicPartition, in: changelog) != nil {
            adopted[changelog, default: [:]][user] = Adopted(through: through, isKept: false)
        } else {
            adopted[changelog]?[user] = nil
        }
        return earlier?.isKept ?? false
    }

    private static func isOlder(_ source: RecordSource, than other: RecordSource) -> Bool {
        source.topicPartition == other.topicPartition && source.offset < other.offset
    }

    /// Whether any user of a partition came from the changelog.
    func hasUsers(of partition: TopicPartition, in changelog: TopicPartition) -> Bool {
        adopted[changelog]?.values.contains { $0.isKept && $0.through.topicPartition == partition } ?? false
    }

    /// The changelog is read up to `offset`.
    ///
    /// - Returns: the partitions that were waiting for that.
    mutating func finish(_ changelog: TopicPartition, at offset: Int64) -> [Waiting] {
        let done = waiting[changelog]?.filter { $0.end <= offset } ?? []
        let left = waiting[changelog]?.filter { $0.end > offset } ?? []
        waiting[changelog] = left.isEmpty ? nil : left
        if left.isEmpty { adopted[changelog] = nil }
        return done
    }

    /// Forgets partitions that are gone.
    ///
    /// - Returns: the parts of the changelog that nobody waits for any more.
    mutating func remove(_ partitions: [TopicPartition]) -> [TopicPartition] {
        var idle: [TopicPartition] = []
        for changelog in waiting.keys.sorted(by: { $0.partition < $1.partition }) {
            let left = waiting[changelog]?.filter { !partitions.contains($0.partition) } ?? []
            waiting[changelog] = left.isEmpty ? nil : left
            if left.isEmpty {
                adopted[changelog] = nil
                idle.append(changelog)
            }
        }
        return idle
    }
}
