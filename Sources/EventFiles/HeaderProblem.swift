/// Why the first line of a file is no header of a table of events.
public enum HeaderProblem: Error, Equatable, Sendable {
    case array(line: Int)
    case noTable(line: Int, found: String)
    case missing(line: Int, column: String, found: [String])
    case ambiguous(line: Int, column: String, found: [String], places: [Int])
}

extension HeaderProblem: CustomStringConvertible {
    public var description: String {
        switch self {
        case .array(let line):
            "line \(line) is a JSON array: write one event a line, as jq -c '.[]' does"
        case .noTable(let line, let found):
            "line \(line) is neither an event as JSON nor a header with the columns user, item, timestamp; found \(found)"
        case .missing(let line, let column, let found):
            "line \(line) names no column \(column); found \(found.joined(separator: ", ")): a header names user, item and timestamp"
        case .ambiguous(let line, let column, let found, let places):
            "line \(line): columns \(places.map(String.init).joined(separator: " and ")) (\(found.joined(separator: ", "))) may all be the "
                + "\(column): name one of them \(column)"
        }
    }
}
