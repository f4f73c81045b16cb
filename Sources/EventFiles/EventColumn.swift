/// What a column of a table can hold, and under which names it is usually found.
enum EventColumn: Int, CaseIterable {
    case user, item, timestamp, type, value

    /// As the event record names it.
    var name: String { "\(self)" }

    var isNeeded: Bool {
        switch self {
        case .user, .item, .timestamp: true
        case .type, .value: false
        }
    }

    /// The column that a cell of a header names; nil where it is another one.
    ///
    /// Case, spaces, `_` and `-` do not count, nor does the type that RecBole adds, as in `user_id:token`.
    init?(header: String) {
        var name = header.lowercased()
        for suffix in [":token", ":float", ":token_seq", ":float_seq"] where name.hasSuffix(suffix) {
            name.removeLast(suffix.count)
        }
        name.removeAll { $0 == "_" || $0 == "-" || $0.isWhitespace }
        guard let column = Self.allCases.first(where: { $0.synonyms.contains(name) }) else { return nil }
        self = column
    }

    private var synonyms: Set<String> {
        switch self {
        case .user: ["user", "userid", "uid", "session", "sessionid", "visitor", "visitorid", "customer", "customerid"]
        case .item:
            ["item", "itemid", "iid", "product", "productid", "movie", "movieid", "article", "articleid", "book", "bookid", "track", "trackid"]
        case .timestamp:
            ["timestamp", "time", "ts", "datetime", "date", "eventtime", "eventdate", "eventtimestamp", "unixtime", "createdat", "timestampms"]
        case .type: ["type", "event", "eventtype", "eventname", "action", "behavior", "behaviortype"]
        case .value: ["value", "rating", "score"]
        }
    }
}
