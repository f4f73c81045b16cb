internal import Events
internal import Streaming

/// How records leave, and where that stands.
enum Publishing<Producer: RecordProducer>: ~Copyable {
    /// Each by itself, with `at_least_once`.
    case nonTransactional
    /// The transactional id is not taken over yet; no new partition may be read before.
    ///
    /// `unresolved`: the offsets of a transaction of the producer before this one whose commit was requested and never
    /// answered; nil where there is none.
    case initializing(unresolved: [TopicPartition: Int64]?)
    /// No transaction is open.
    case idle
    case open(OpenTransaction<Producer>)
    case closing(ClosingTransaction<Producer>)
    case committing(CommittingTransaction<Producer>)
    case aborting(AbortingTransaction<Producer>)

    /// Takes the state out, to be put back when its next step is done.
    mutating func take() -> Publishing {
        var taken = Publishing.idle
        swap(&taken, &self)
        return taken
    }

    enum Stage {
        case nonTransactional, initializing, idle, open, closing, committing, aborting
    }

    var stage: Stage {
        switch self {
        case .nonTransactional: .nonTransactional
        case .initializing: .initializing
        case .idle: .idle
        case .open: .open
        case .closing: .closing
        case .committing: .committing
        case .aborting: .aborting
        }
    }

    var isTransactional: Bool { stage != .nonTransactional }

    /// Whether a transaction is begun and neither committed nor aborted, as far as is known.
    var isUnderWay: Bool {
        switch stage {
        case .open, .closing, .committing, .aborting: true
        case .initializing: unresolvedOffsets != nil
        case .nonTransactional, .idle: false
        }
    }

    /// When the open transaction began.
    var openSince: Duration? {
        switch self {
        case .open(let transaction): transaction.began
        default: nil
        }
    }

    /// The offsets of a commit that was requested and whose outcome is not known.
    var unresolvedOffsets: [TopicPartition: Int64]? {
        switch self {
        case .initializing(let unresolved): unresolved
        case .committing(let transaction): transaction.offsets
        case .aborting(let transaction): transaction.commitRequested
        default: nil
        }
    }

    /// Sends in the open transaction, or alone by `producer` where there are none.
    func send(_ record: OutgoingRecord, token: UInt, by producer: Producer) throws(StreamingError) {
        switch self {
        case .nonTransactional: try producer.send(record, token: token)
        case .open(let transaction): try transaction.send(record, token: token)
        default: preconditionFailure("a record is sent alone or in an open transaction")
        }
    }
}
