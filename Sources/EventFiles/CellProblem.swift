internal import Events

/// Why a line of a table holds no event, and in which cell.
struct CellProblem: Error {
    enum Reason {
        case refusal(EventRefusal)
        case notUTF8
        case openQuote
    }

    /// The number of the cell, from 0.
    var place: Int
    var name: String?
    var found: [UInt8]
    var reason: Reason
}

extension CellProblem: CustomStringConvertible {
    var description: String {
        let column = "column \(place + 1)" + (name.map { " (\($0))" } ?? "")
        return found.isEmpty ? "\(column): \(reason)" : "\(column): \(reason); found \(Excerpt.of(found))"
    }
}

extension CellProblem.Reason: CustomStringConvertible {
    var description: String {
        switch self {
        case .refusal(.missingUser), .refusal(.missingItem), .refusal(.missingTimestamp): "nothing stands there"
        case .refusal(.invalidTimestamp):
            "no time that exists, as seconds, milliseconds, 2014-04-01, 2014-04-01 03:02:21 or ISO 8601"
        case .refusal(let refusal): refusal.description
        case .notUTF8: "not UTF-8; convert the file, as iconv -f LATIN1 -t UTF-8 does for Latin-1"
        case .openQuote: "a quote that does not end on its line"
        }
    }
}
