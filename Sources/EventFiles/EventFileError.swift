/// Why a file of events cannot be read.
public enum EventFileError: Error, Equatable, Sendable {
    case cannotOpen(path: String)
    case empty(path: String)
    case damaged(path: String, line: Int)
    case utf16(path: String)
    case notATable(path: String, HeaderProblem)
    case noEvents(path: String)
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
        case .utf16(let path):
            "\(path) is in UTF-16: write it as UTF-8, as iconv -f UTF-16 -t UTF-8 does"
        case .notATable(let path, let problem):
            "\(path): \(problem)"
        case .noEvents(let path):
            "\(path) has a header and no event"
        case .nothingReadable(let path, let problem):
            "\(path) holds no event that can be used; the first problem: \(problem)"
        }
    }
}
