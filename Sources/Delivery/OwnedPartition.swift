internal import Events

/// A partition of the events topic that the group has given to this instance: where it stands.
struct OwnedPartition {
    enum Phase {
        /// It is not known yet from where to read, or that cannot be written down yet.
        case awaitingStart(AwaitingStart)
        /// Its users' sessions are being read back from the changelog.
        case restoringSessions
        /// One record is being looked at, to see whether the topic is still the one that was learned from.
        case verifying(Verification)
        case reading(ReadingPartition)
    }

    struct AwaitingStart {
        /// Whether its users' sessions came from the changelog.
        var hasSessions = false
        /// Whether it is not read because the disk does not take where reading begins.
        var waitsForDisk = false
        /// When its log was first seen to end before what was learned or committed.
        var shortSince: Duration?
        /// What a look at one of its records has shown; nil where none was looked at.
        var finding: Verification.Finding?
    }

    /// Where reading began of a partition that the state knew nothing of.
    enum FirstOffset: Equatable {
        case alone(Int64)
        /// It came with its users' sessions.
        case withSessions(Int64)
    }

    var phase: Phase
    /// As long as the partition is owned, every checkpoint carries it: a backup from before does not know it.
    var firstOffset: FirstOffset?
    /// Whether its users' sessions are back, and not on the disk yet.
    var isUnwritten = false
    /// What the brokers last confirmed as committed.
    var confirmedCommit: Int64?

    /// Whether the consumer reads it, for whatever reason.
    var isAssigned: Bool {
        switch phase {
        case .verifying: true
        case .reading(let reading): reading.isAssigned
        case .awaitingStart, .restoringSessions: false
        }
    }
}

/// A partition that is being read. A class, so that what changes with every record is changed in place.
final class ReadingPartition {
    /// The next offset to read: beyond the last record, and beyond the markers after it.
    var position: Int64
    /// Below this an earlier run has answered.
    let answeredBefore: Int64
    var offsets: PartitionOffsets
    /// Whether it is not read on because the outbox is full.
    var isPaused = false
    /// False while it is between two assignments.
    var isAssigned = true
    /// When the offset to read was first found to be out of the log's range, and when that is looked at again.
    var outOfRange: (since: Duration, retryAt: Duration)?
    /// The end of what can be read, as the brokers last said.
    var highWatermark: Int64?
    /// The newest record that was read.
    var newest: PartitionMark?

    init(position: Int64, committed: Int64) {
        self.position = position
        answeredBefore = committed
        offsets = PartitionOffsets(committed: committed)
    }
}
