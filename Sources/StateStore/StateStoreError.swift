/// Why a state directory cannot be used.
public enum StateStoreError: Error, Equatable, Sendable {
    case directoryUnusable(path: String, reason: String)
    case inUse(path: String)
    case damaged(path: String, reason: String)
    case formatTooNew(path: String, format: Int)
    case diskFull(path: String)
    case writeFailed(path: String, reason: String)
}

extension StateStoreError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .directoryUnusable(let path, let reason):
            "the state directory \(path) cannot be used (\(reason)): create it, or give this user the right to write there"
        case .inUse(let path):
            "the state directory \(path) is in use by another freshet: stop that one, or name another state.directory"
        case .damaged(let path, let reason):
            "the state in \(path) is damaged (\(reason)) and was left as it is: restore a backup, or move it away to start anew from the topic"
        case .formatTooNew(let path, let format):
            "the state in \(path) is of format \(format), newer than this freshet reads: upgrade freshet, or name another state.directory"
        case .diskFull(let path):
            "the disk of \(path) is full: the last checkpoint is kept; free some space"
        case .writeFailed(let path, let reason):
            "a checkpoint could not be written to \(path) (\(reason)): the last one is kept"
        }
    }
}
