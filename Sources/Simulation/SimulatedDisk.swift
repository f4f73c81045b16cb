public import Checkpoints
public import Events

/// Checkpoints laid over each other: what a state directory holds.
public struct StoredState: Equatable, Sendable {
    public private(set) var model: ModelDescription?
    private(set) var items: [UInt32: ItemRow] = [:]
    private(set) var users: [UserID: UserRow] = [:]
    public private(set) var blobs: [String: [UInt8]] = [:]
    public private(set) var offsets: [TopicPartition: Int64] = [:]

    public init() {}

    /// What one whole checkpoint holds.
    public init(_ checkpoint: Checkpoint) { apply(checkpoint) }

    public mutating func apply(_ checkpoint: Checkpoint) {
        model = checkpoint.model
        for row in checkpoint.items { items[row.index] = row }
        if checkpoint.replacesUsers { users = [:] }
        for user in checkpoint.removedUsers { users[user] = nil }
        for row in checkpoint.users { users[row.id] = row }
        blobs.merge(checkpoint.blobs) { _, new in new }
        // As in the file: a partition that went to another instance is covered no more.
        offsets = checkpoint.offsets
    }

    /// Goes on from these offsets in partitions that it knows nothing of, as a recovery does.
    mutating func cover(_ beginnings: [TopicPartition: Int64]) { offsets.merge(beginnings) { known, _ in known } }

    /// What is beyond these offsets counts as being there.
    mutating func cutOffsets(at ends: [TopicPartition: Int64]) {
        for (partition, end) in ends { offsets[partition] = offsets[partition].map { min($0, end) } }
    }

    /// In the order of their places.
    public var itemRows: [ItemRow] { items.values.sorted { $0.index < $1.index } }

    /// The least recently active first.
    public var userRows: [UserRow] {
        users.values.sorted { left, right in
            left.lastActive != right.lastActive ? left.lastActive < right.lastActive : left.id.text < right.id.text
        }
    }

    /// Names the parts in which two states differ; empty where they are equal bit for bit.
    public func differences(from other: StoredState) -> [String] {
        var differences: [String] = []
        if model != other.model { differences.append("model") }
        if offsets != other.offsets { differences.append("offsets") }
        for name in Set(blobs.keys).union(other.blobs.keys).sorted() where blobs[name] != other.blobs[name] {
            differences.append("blob \(name)")
        }
        for index in Set(items.keys).union(other.items.keys).sorted() where items[index] != other.items[index] {
            differences.append("item \(index)")
        }
        let names = Set(users.keys).union(other.users.keys).sorted { $0.text < $1.text }
        for user in names where users[user] != other.users[user] { differences.append("user \(user)") }
        return differences
    }
}

/// A disk as a checkpoint sees it through the store: a checkpoint is whole or not there, the generation
/// before it is kept. The disk fills up, fails, loses what was not synced, and can lose the newest
/// generation altogether; about what it synced it does not lie.
public struct SimulatedDisk: Sendable {
    /// How writing a checkpoint ends.
    public enum Outcome: Equatable, Sendable {
        case written
        /// No space: nothing changed.
        case full
        /// The write failed: nothing changed.
        case failed
        /// The write was reported as failed, and is there all the same: a sync that failed late.
        case failedButWritten
    }

    /// The newest whole generation.
    public private(set) var state = StoredState()
    /// The generation before it.
    private var previous = StoredState()
    /// Where reading began of partitions that the generation before does not know of.
    private var beginnings: [TopicPartition: Int64] = [:]
    /// The same of partitions that came with their sessions.
    private var arrivals: [TopicPartition: Int64] = [:]
    /// From where the generation that was recovered is to learn partitions, once their sessions are back.
    private(set) var unlearned: [TopicPartition: Int64] = [:]
    /// What is being written: torn by a crash.
    private var underway: Checkpoint?
    public private(set) var generations = 0

    public init() {}

    /// Starts writing.
    mutating func begin(_ checkpoint: Checkpoint) { underway = checkpoint }

    /// Ends writing.
    ///
    /// - Returns: the checkpoint.
    mutating func finish(_ outcome: Outcome) -> Checkpoint? {
        guard let checkpoint = underway else { return nil }
        underway = nil
        if outcome == .written || outcome == .failedButWritten {
            previous = state
            beginnings = checkpoint.beginnings.filter { state.offsets[$0.key] == nil }
            arrivals = checkpoint.arrivals.filter { state.offsets[$0.key] == nil }
            unlearned = unlearned.filter { checkpoint.offsets[$0.key] == nil }
            state.apply(checkpoint)
            generations += 1
        }
        return checkpoint
    }

    /// The machine stops. What was being written is torn, and with it nothing but itself.
    ///
    /// - Parameter damagesNewest: the newest generation cannot be read any more, and the store is recovered to
    ///   the one before, where there is one.
    mutating func crash(damagesNewest: Bool) {
        underway = nil
        guard damagesNewest, previous.model != nil else { return }
        state = previous
        state.cover(beginnings)
        unlearned.merge(arrivals) { known, _ in known }
    }
}
