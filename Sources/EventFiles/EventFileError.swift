/// Why a file of events cannot be read.
public enum EventFileError: Error, Equatable, Sendable {
    case cannotOpen(path: String)
    case empty(path: String)
    case damaged(path: String, line: Int)
    case headerMissing(path: String)
    case nothingReadable(path: String, firstProblem: String)
}

extension EventFileError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .cannotOpen(let path):
            "\(path) cannot be opened: check that it exists and may be read"
        case .empty(let path):
            "\(path) is empty: it needs events as JSON Lines, or a table with the columns user, item, timestamp"
        case .damaged(let path, let line):
            "\(path) cannot be read beyond line \(line): it is damaged or cut off"
        case .headerMissing(let path):
            "\(path) is neither JSON Lines nor a table: its first line must be an event, or a header with the columns user, item, timestamp"
        case .nothingReadable(let path, let problem):
            "\(path) holds no event that can be used; the first problem: \(problem)"
        }
    }
}
