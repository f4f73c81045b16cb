public import Events

/// Why a state directory cannot be used.
public enum StateStoreError: Error, Equatable, Sendable {
    case directoryUnusable(path: String, reason: String)
    case inUse(path: String)
    /// - Parameter hasPrevious: whether the generation before is kept beside it.
    case damaged(path: String, reason: String, hasPrevious: Bool)
    /// The generation before is there, the state file is not: a recovery was interrupted, or somebody removed it.
    case missing(path: String)
    case formatTooNew(path: String, format: Int)
    /// Reading only: a state of an older format is brought up to date by the daemon.
    case formatTooOld(path: String, format: Int)
    case nothingThere(path: String)
    case noPrevious(path: String)
    case diskFull(path: String)
    case writeFailed(path: String, reason: String)
    case readFailed(path: String, reason: String)
    /// Reading without the right to lock: somebody wrote meanwhile.
    case changedMeanwhile(path: String)
    /// The system has no memory or no descriptors left.
    case noResources(path: String, reason: String)
}

extension StateStoreError {
    /// What to do about it. Damage alone is damage.
    public var recovery: Recovery {
        switch self {
        case .inUse, .diskFull, .writeFailed, .readFailed, .changedMeanwhile, .noResources: .restart
        case .damaged, .missing, .noPrevious: .restoreState
        case .directoryUnusable, .formatTooNew, .formatTooOld: .reconfigure
        case .nothingThere: .correctCommand
        }
    }
}

extension StateStoreError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .directoryUnusable(let path, let reason):
            "the state directory \(path) cannot be used (\(reason)): create it, or give this user the right to read and write there"
        case .inUse(let path):
            "the state directory \(path) is in use by another freshet: stop that one, or name another state.directory"
        case .damaged(let path, let reason, hasPrevious: true):
            "the state in \(path) is damaged (\(reason)) and was left as it is: go on from the generation before it with `freshet inspect --state \(path) --recover`"
        case .damaged(let path, let reason, hasPrevious: false):
            "the state in \(path) is damaged (\(reason)) and was left as it is: restore a backup, or move it away to start anew from the topic"
        case .missing(let path):
            "\(StateStore.fileName) is missing in \(path), but the generation before it is there: go on from that with `freshet inspect --state \(path) --recover`, or move \(Generations.previousName) away to start anew from the topic"
        case .formatTooNew(let path, let format):
            "the state in \(path) is of format \(format), newer than this freshet reads: upgrade freshet, or name another state.directory"
        case .formatTooOld(let path, let format):
            "the state in \(path) is of the older format \(format): `freshet run` brings it up to date when it starts"
        case .nothingThere(let path):
            "there is no state in \(path): name the state.directory of a daemon that has run"
        case .noPrevious(let path):
            "no earlier generation is kept in \(path): restore a backup, or move the state away to start anew from the topic"
        case .diskFull(let path):
            "the disk of \(path) is full: the last checkpoint is kept; free some space"
        case .writeFailed(let path, let reason):
            "the state in \(path) could not be written (\(reason)): the last checkpoint is kept"
        case .readFailed(let path, let reason):
            "the state in \(path) could not be read (\(reason)): nothing was changed; look at what the system's log says of that disk"
        case .changedMeanwhile(let path):
            "the state in \(path) was written while it was read without the right to lock it: try again, or as the user that the daemon runs as"
        case .noResources(let path, let reason):
            "the system has not enough left for the state in \(path) (\(reason)): raise the limits of memory or of open files"
        }
    }
}
