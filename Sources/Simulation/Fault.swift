/// What goes wrong. A fault is planned for the Nth call that crosses the border between Freshet and its
/// world; one that fits only some calls waits for the first that it fits.
public enum Fault: String, CaseIterable, Sendable {
    /// The call fails, and changes nothing; it would work if tried again.
    case retriable
    /// The call is applied, but its answer is lost.
    case appliedUnanswered
    /// The transaction must be aborted.
    case abortable
    /// The call fails for good.
    case fatal
    /// The producer's queue takes nothing more.
    case queueFull
    /// A record was not delivered in time, and is not there.
    case undelivered
    /// A record was not delivered in time, as far as the producer knows, and is there.
    case deliveredUnreported

    /// The process dies before the call, or right after.
    case crashBefore
    case crashAfter
    /// The process dies, and the newest checkpoint cannot be read any more.
    case crashAndDamage

    /// The disk fills up; a write fails; a write is reported as failed and is there.
    case diskFull
    case diskFails
    case diskFailsLate

    /// Another process takes the transactional id.
    case fenced
    /// The transaction coordinator is lost for a while.
    case coordinatorLost
    /// Another member joins the group, and leaves after a while.
    case rebalance
    /// The group expels the member, which learns of it later.
    case expelled
    /// The process stands still for longer than a transaction may take.
    case pause
    case clockForward
    case clockBack
    /// Retention takes records of the events topic, read or not.
    case retention
    /// The process dies, and its disk with it.
    case diskLost

    public enum Delivery: Sendable {
        case any
        case onlyTransactional
        /// In stories of its own: what is lost to retention is owed to nobody, if only it is told, and with a disk
        /// goes what was learned.
        case onlyInVariations
    }

    /// Where the fault can happen.
    public var delivery: Delivery {
        switch self {
        case .abortable, .fenced, .coordinatorLost: .onlyTransactional
        case .retention, .diskLost: .onlyInVariations
        default: .any
        }
    }
}

/// The calls that cross the border.
enum Door: String, Sendable {
    case poll, assign, unassign, offsetRange, partitionCount, close
    case committedOffsets, commit, groupMetadata, pause, resume
    case send, reports
    case initTransactions, beginTransaction, sendOffsets, commitTransaction, abortTransaction
    case startCheckpoint, finishCheckpoint
}

extension Fault {
    /// Whether a call through `door` can fail in this way.
    func fits(_ door: Door) -> Bool {
        switch self {
        case .retriable:
            switch door {
            case .poll, .offsetRange, .partitionCount, .committedOffsets, .commit: true
            case .initTransactions, .sendOffsets, .commitTransaction, .abortTransaction: true
            default: false
            }
        case .appliedUnanswered: door == .commit || door == .commitTransaction || door == .abortTransaction
        case .abortable: door == .sendOffsets || door == .commitTransaction
        case .fatal:
            door == .commit || door == .send || door == .sendOffsets || door == .commitTransaction || door == .poll
                || door == .abortTransaction || door == .beginTransaction
        case .queueFull: door == .send
        case .undelivered, .deliveredUnreported: door == .reports
        case .diskFull, .diskFails, .diskFailsLate: door == .finishCheckpoint
        case .crashBefore, .crashAfter, .crashAndDamage: true
        case .fenced, .coordinatorLost, .rebalance, .expelled, .pause, .clockForward, .clockBack, .retention, .diskLost: true
        }
    }
}

/// Which fault happens at which call, counted from the first call of the first process on.
public struct FaultPlan: Equatable, Sendable {
    public var faults: [(call: Int, fault: Fault)]

    public init(_ faults: [(call: Int, fault: Fault)]) {
        self.faults = faults.sorted { $0.call < $1.call }
    }

    /// Takes the first fault that is due and fits.
    mutating func take(at call: Int, through door: Door) -> Fault? {
        guard let place = faults.firstIndex(where: { $0.call <= call && $0.fault.fits(door) }) else { return nil }
        return faults.remove(at: place).fault
    }

    public static func == (left: FaultPlan, right: FaultPlan) -> Bool {
        left.faults.elementsEqual(right.faults, by: ==)
    }
}
