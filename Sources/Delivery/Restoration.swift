internal import Events

/// Which partitions wait for which part of the changelog.
struct Restoration {
    struct Waiting {
        var partition: TopicPartition
        /// What the group had committed of it.
        var committed: Int64?
        /// The changelog is read up to here at least.
        var end: Int64
    }

    /// For each partition of the changelog that is being read.
    private(set) var waiting: [TopicPartition: [Waiting]] = [:]

    /// Users that came from a part of the changelog so far.
    private var adopted: [TopicPartition: Set<UserID>] = [:]

    mutating func adopt(_ user: UserID, in changelog: TopicPartition) {
        adopted[changelog, default: []].insert(user)
    }

    /// - Returns: whether the user came from there.
    mutating func forget(_ user: UserID, in changelog: TopicPartition) -> Bool {
        adopted[changelog]?.remove(user) != nil
    }

    var isEmpty: Bool { waiting.isEmpty }

    mutating func begin(_ changelog: TopicPartition, _ new: Waiting) {
        waiting[changelog, default: []].append(new)
    }

    /// The partition that a session came from, where it is waited for.
    func wait(for partition: TopicPartition, in changelog: TopicPartition) -> Waiting? {
        waiting[changelog]?.first { $0.partition == partition }
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
