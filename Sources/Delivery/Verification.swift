internal import Events

/// A look at one record of a partition, to see whether the topic is still the one that was learned from: one that was
/// deleted and made again, or one of the same name in another cluster, has the same offsets and other records
/// (KIP-516's topic ids are not to be had of librdkafka 2.0.2).
struct Verification {
    enum Question {
        /// Whether the record at an offset is the one that was read there before.
        case isSameRecord(PartitionMark)
        /// Whether the oldest record is younger than the newest that was read before: then no record of that time is
        /// left, and the log, which ends before what was learned, is another. Else the same log was cut off.
        case isYounger(than: PartitionMark?)
    }

    enum Finding {
        /// Nothing speaks against it.
        case isSame
        case isAnother
        /// The same log has lost its end, as after an unclean election.
        case wasCutOff
    }

    var question: Question
    /// After this time without a record nothing speaks against it.
    var deadline: Duration
    /// Whether the partition's sessions had come before.
    var hasSessions: Bool

    /// What a record says; nil for the end of the partition.
    func finding(_ offset: Int64?, _ timestamp: Timestamp?) -> Finding {
        switch question {
        case .isSameRecord(let mark):
            guard offset == mark.offset, let timestamp else { return .isSame }
            return timestamp == mark.timestamp ? .isSame : .isAnother
        case .isYounger(let mark):
            guard let timestamp, let mark else { return .isAnother }
            return timestamp.milliseconds > mark.timestamp.milliseconds ? .isAnother : .wasCutOff
        }
    }
}
