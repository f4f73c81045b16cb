internal import Streaming

/// How records leave, and where that stands.
enum Publishing<Producer: RecordProducer>: ~Copyable {
    /// Each by itself, with `at_least_once`.
    case alone
    /// The transactional id is not taken over yet; nothing may be read before.
    case beginning
    /// No transaction is open.
    case idle
    case open(OpenTransaction<Producer>)
    case closed(ClosedTransaction<Producer>)
    case abandoned(AbandonedTransaction<Producer>)

    /// Takes the state out, to be put back when its next step is done.
    mutating func take() -> Publishing {
        var taken = Publishing.idle
        swap(&taken, &self)
        return taken
    }

    enum Stage {
        case alone, beginning, idle, open, closed, abandoned
    }

    var stage: Stage {
        switch self {
        case .alone: .alone
        case .beginning: .beginning
        case .idle: .idle
        case .open: .open
        case .closed: .closed
        case .abandoned: .abandoned
        }
    }

    var isTransactional: Bool { stage != .alone }

    /// Whether a transaction is begun and neither committed nor aborted.
    var isUnderWay: Bool { stage == .open || stage == .closed || stage == .abandoned }

    /// When the open transaction began.
    var openSince: Duration? {
        switch self {
        case .open(let transaction): transaction.began
        default: nil
        }
    }

    /// Sends in the open transaction, or alone by `producer` where there are none.
    func send(_ record: OutgoingRecord, token: UInt, by producer: Producer) throws(StreamingError) {
        switch self {
        case .alone: try producer.send(record, token: token)
        case .open(let transaction): try transaction.send(record, token: token)
        default: preconditionFailure("a record is sent alone or in an open transaction")
        }
    }
}
