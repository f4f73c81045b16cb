internal import Events

/// The partitions that the group has given to this instance, each in exactly one phase. What is known of a partition
/// goes with it: there is no second collection to forget.
struct PartitionTable {
    private var owned: [TopicPartition: OwnedPartition] = [:]

    subscript(partition: TopicPartition) -> OwnedPartition? { owned[partition] }

    /// All of them, in order.
    var all: [TopicPartition] { sorted { _ in true } }

    /// Those that wait for their start, in order.
    var awaitingStart: [TopicPartition] { sorted { if case .awaitingStart = $0.phase { true } else { false } } }

    /// Those that are read, in order.
    var assigned: [TopicPartition] { sorted { if case .reading = $0.phase { true } else { false } } }

    /// Those that are not read because the disk does not take where reading begins.
    var waitingForDisk: [TopicPartition] {
        sorted { if case .awaitingStart(let waiting) = $0.phase { waiting.waitsForDisk } else { false } }
    }

    var isAnyAwaitingStart: Bool {
        owned.values.contains { if case .awaitingStart = $0.phase { true } else { false } }
    }

    func reading(_ partition: TopicPartition) -> ReadingPartition? {
        guard case .reading(let reading)? = owned[partition]?.phase else { return nil }
        return reading
    }

    func awaiting(_ partition: TopicPartition) -> OwnedPartition.AwaitingStart? {
        guard case .awaitingStart(let waiting)? = owned[partition]?.phase else { return nil }
        return waiting
    }

    func verification(of partition: TopicPartition) -> Verification? {
        guard case .verifying(let verification)? = owned[partition]?.phase else { return nil }
        return verification
    }

    /// The partitions that are read and what is known of each, in no order.
    var readingPartitions: [(partition: TopicPartition, reading: ReadingPartition)] {
        owned.compactMap { partition, state in
            guard case .reading(let reading) = state.phase else { return nil }
            return (partition, reading)
        }
    }

    /// Where reading began of those that the state knew nothing of.
    var firstOffsets: (alone: [TopicPartition: Int64], withSessions: [TopicPartition: Int64]) {
        var (alone, withSessions): ([TopicPartition: Int64], [TopicPartition: Int64]) = ([:], [:])
        for (partition, state) in owned {
            switch state.firstOffset {
            case .alone(let offset): alone[partition] = offset
            case .withSessions(let offset): withSessions[partition] = offset
            case nil: continue
            }
        }
        return (alone, withSessions)
    }

    private func sorted(_ isWanted: (OwnedPartition) -> Bool) -> [TopicPartition] {
        owned.filter { isWanted($0.value) }.keys.sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
    }
}

/// From phase to phase.
extension PartitionTable {
    /// The group gave it.
    mutating func add(_ partition: TopicPartition) {
        if owned[partition] == nil { owned[partition] = OwnedPartition(phase: .awaitingStart(.init())) }
    }

    mutating func updateAwaiting(_ partition: TopicPartition, _ change: (inout OwnedPartition.AwaitingStart) -> Void) {
        guard case .awaitingStart(var waiting)? = owned[partition]?.phase else { return }
        change(&waiting)
        owned[partition]?.phase = .awaitingStart(waiting)
    }

    mutating func beginRestoring(_ partition: TopicPartition) { owned[partition]?.phase = .restoringSessions }

    /// Its sessions are back.
    mutating func finishRestoring(_ partition: TopicPartition, _ firstOffset: OwnedPartition.FirstOffset) {
        owned[partition]?.phase = .awaitingStart(.init(hasSessions: true))
        owned[partition]?.firstOffset = firstOffset
        owned[partition]?.isUnwritten = true
    }

    mutating func beginVerifying(_ partition: TopicPartition, _ verification: Verification) {
        owned[partition]?.phase = .verifying(verification)
    }

    /// A look at one of its records has shown something: it waits for its start again.
    mutating func finishVerifying(_ partition: TopicPartition, _ finding: Verification.Finding) {
        guard case .verifying(let verification)? = owned[partition]?.phase else { return }
        owned[partition]?.phase = .awaitingStart(.init(hasSessions: verification.hasSessions, finding: finding))
    }

    mutating func beginReading(_ partition: TopicPartition, _ reading: ReadingPartition) {
        owned[partition]?.phase = .reading(reading)
        owned[partition]?.confirmedCommit = reading.answeredBefore
    }

    /// It is read no more, and waits for a new start.
    mutating func restart(_ partition: TopicPartition) {
        let since = reading(partition)?.outOfRange?.since
        owned[partition]?.phase = .awaitingStart(.init(shortSince: since))
    }

    mutating func setFirstOffset(_ offset: Int64, of partition: TopicPartition) {
        if owned[partition]?.firstOffset == nil { owned[partition]?.firstOffset = .alone(offset) }
    }

    /// A checkpoint has everything.
    mutating func markWritten() {
        for partition in owned.keys where owned[partition]?.isUnwritten == true { owned[partition]?.isUnwritten = false }
    }

    mutating func confirmCommits(_ offsets: [TopicPartition: Int64]) {
        for (partition, offset) in offsets { owned[partition]?.confirmedCommit = offset }
    }

    /// It is another member's, or nobody's.
    @discardableResult
    mutating func remove(_ partition: TopicPartition) -> OwnedPartition? { owned.removeValue(forKey: partition) }
}

/// What may be committed, over all partitions that are read. What concerns others is passed over.
extension PartitionTable {
    /// Records read and not done with.
    var openCount: Int { readingPartitions.reduce(0) { $0 + $1.reading.offsets.openCount } }

    var hasCommittable: Bool { readingPartitions.contains { $0.reading.offsets.committable != nil } }

    /// A record waits for one more pending record.
    func extend(_ source: RecordSource) { reading(source.topicPartition)?.offsets.extend(source.offset) }

    /// A record, or one of those that it waits for, is done with.
    func finish(_ source: RecordSource) { reading(source.topicPartition)?.offsets.finish(source.offset) }

    /// All that a record answers is done with.
    func finish(_ record: PendingRecord) {
        for source in record.merged { finish(source) }
        finish(record.source)
    }

    /// Takes what can be committed and has not been yet.
    func takeCommittable() -> [TopicPartition: Int64] {
        var offsets: [TopicPartition: Int64] = [:]
        for (partition, reading) in readingPartitions { offsets[partition] = reading.offsets.takeCommittable() }
        return offsets
    }

    /// What can be committed once these records are done with.
    func committable(after records: [PendingRecord]) -> [TopicPartition: Int64] {
        var copies = Dictionary(uniqueKeysWithValues: readingPartitions.map { ($0.partition, $0.reading.offsets) })
        for record in records {
            for source in record.merged + [record.source] { copies[source.topicPartition]?.finish(source.offset) }
        }
        return copies.compactMapValues { $0.committable }
    }

    /// Offsets were committed in a transaction.
    func markCommitted(_ offsets: [TopicPartition: Int64]) {
        for (partition, offset) in offsets { reading(partition)?.offsets.markCommitted(offset) }
    }

    /// A commit failed: its offsets are to be committed again.
    func forgetCommits() {
        for (_, reading) in readingPartitions { reading.offsets.forgetCommit() }
    }
}
