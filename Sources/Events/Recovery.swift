/// What to do about an error: one policy for all of them, from Kafka's to the disk's.
///
/// Every error of the daemon has one. What nobody has classified is `restart`: a new start is tried by systemd, and
/// harms nothing, as state on disk carries the offsets it stands for.
public enum Recovery: String, Sendable, Equatable, CaseIterable {
    /// It passes by itself: go on, and try the same again.
    case retry
    /// A topic is not there: `retry` where it may be created or was there before, else `operator`.
    case missingTopic
    /// This one record can never be used or written, others can: skip it, count it, go on.
    case skipRecord
    /// Only an abort of the open transaction helps: abort it, and go on with a new one.
    case abortTransaction
    /// This client is over, a new one goes on: nothing helps within this process but that, a new start does.
    case restart
    /// A newer instance has this one's place, or the brokers gave up a transaction that was open longer than they
    /// wait. Where it is the first, starting again would only take the place away in turn.
    case fenced
    /// Kafka refuses for good, and only a person can change that.
    case `operator`
    /// The configuration is wrong, or does not fit what is there.
    case reconfigure
    /// The command asks for what is not there: it has to be called otherwise.
    case correctCommand
    /// The state on disk is damaged: a person chooses a backup, or to start anew.
    case restoreState
    /// What must not happen has happened.
    case reportBug
}

extension Recovery {
    /// The exit code of a process that this error ends (sysexits(3)), as the README lists them. systemd starts
    /// again what ends with 75 or 70, and nothing else.
    public var exitCode: Int32 {
        switch self {
        // What should have been gone on after was not: a new start goes on.
        case .retry, .skipRecord, .abortTransaction, .restart: 75
        case .operator, .missingTopic, .fenced: 69
        case .reconfigure: 78
        case .correctCommand: 64
        case .restoreState: 74
        case .reportBug: 70
        }
    }
}
