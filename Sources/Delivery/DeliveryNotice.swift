public import Engine
public import Events
public import StateStore
public import Streaming

/// What an operator should hear of, as a value: the daemon logs it, a simulation checks it.
public enum DeliveryNotice: Sendable {
    case assigned([TopicPartition])
    case released([TopicPartition])
    /// The sessions of a partition are being read back before it is served.
    case restoring(TopicPartition)
    /// Something failed that goes away by itself.
    case transientError(StreamingError)
    /// A record that the brokers will never take was given up.
    case recordSkipped(topic: String, answers: RecordSource, StreamingError)
    /// Records that were gone before they were read: retention ran out.
    case lost(TopicPartition, from: Int64, count: Int64)
    /// A partition's log ends before what was read of it: it waits to see whether that lasts.
    case endsEarly(TopicPartition, end: Int64)
    /// A topic was deleted and made again: a partition is read from its beginning.
    case recreated(TopicPartition, known: Int64, next: Int64)
    /// A partition's log has lost its end: reading goes on behind what is left.
    case wasCutOff(TopicPartition, known: Int64, next: Int64)
    case transactionAborted(reason: String)
    case transactionWaits(TransactionError)
    /// The producer failed for good, and a new one took its place.
    case producerReplaced(reason: String)
    case checkpointFailed(StateStoreError)
    /// Partitions are not read, for where reading begins cannot be written down.
    case waitsForDisk([TopicPartition], StateStoreError)
    /// A model went back to its last good parameters.
    case rolledBack(Rollback)

    /// Tells apart what may be said again after a while.
    public var kind: String {
        switch self {
        case .assigned: "assigned"
        case .released: "released"
        case .restoring: "restoring"
        case .transientError(let error): error.name
        case .recordSkipped: "record skipped"
        case .lost: "lost"
        case .endsEarly: "ends early"
        case .recreated: "recreated"
        case .wasCutOff: "cut off"
        case .transactionAborted: "transaction aborted"
        case .transactionWaits(let error): error.name
        case .producerReplaced: "producer replaced"
        case .checkpointFailed: "checkpoint failed"
        case .waitsForDisk: "waits for the disk"
        case .rolledBack(let rollback): "rolled back " + rollback.model
        }
    }
}

extension DeliveryNotice: CustomStringConvertible {
    public var description: String {
        switch self {
        case .assigned(let partitions): "assigned \(partitions.map(\.description).sorted().joined(separator: " "))"
        case .released(let partitions): "released \(partitions.map(\.description).sorted().joined(separator: " "))"
        case .restoring(let partition): "reading the sessions of \(partition) back"
        case .transientError(let error): "\(error)"
        case .recordSkipped(let topic, let answers, let error):
            "a record for \(topic) that answers \(answers) was given up: \(error)"
        case .lost(let partition, let first, let count):
            "\(count) records of \(partition) from offset \(first) on were gone before they were read: the topic keeps less than this outage was long"
        case .endsEarly(let partition, let end):
            "\(partition) ends at offset \(end), before what was read of it: it is read again in ten seconds if that lasts"
        case .recreated(let partition, let known, let next):
            "\(partition) is another topic of the same name, deleted and made again or of another cluster: it was known up to offset \(known), and is read from offset \(next) on; what was learned stays"
        case .wasCutOff(let partition, let known, let next):
            "\(partition) has lost its end, as after an unclean election: it was known up to offset \(known), and is read from offset \(next) on"
        case .transactionAborted(let reason): "a transaction was aborted, its lists are sent in the next one: \(reason)"
        case .transactionWaits(let error): "\(error)"
        case .producerReplaced(let reason): "the producer failed for good, a new one sends what it had not delivered: \(reason)"
        case .checkpointFailed(let error): "\(error)"
        case .waitsForDisk(let partitions, let error):
            "\(partitions.map(\.description).sorted().joined(separator: " ")) cannot be read before it is written down where reading begins: \(error)"
        case .rolledBack(let rollback):
            switch rollback.reason {
            case .notFinite:
                "the model \(rollback.model) went back to its last good parameters: a number was not finite; lower learning.rate if it happens again"
            case .degraded:
                "the model \(rollback.model) went back to its last good parameters: its lists had become worse by more than learning.rollback_drop allows"
            }
        }
    }
}
