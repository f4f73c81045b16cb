internal import Events

/// The header of a CSV or TSV file: which column holds what.
struct TableHeader {
    private let separator: UInt8
    private let user: Int
    private let item: Int
    private let timestamp: Int
    private let type: Int?
    private let value: Int?
    private let limits = EventLimits()

    /// - Returns: nil where a needed column is missing.
    init?(line: [UInt8]) {
        separator = line.contains(UInt8(ascii: "\t")) ? UInt8(ascii: "\t") : UInt8(ascii: ",")
        let names = Self.split(line, separator)
        guard let user = names.firstIndex(of: "user"), let item = names.firstIndex(of: "item"),
            let timestamp = names.firstIndex(of: "timestamp")
        else { return nil }
        self.user = user
        self.item = item
        self.timestamp = timestamp
        type = names.firstIndex(of: "type")
        value = names.firstIndex(of: "value")
    }

    func event(of line: [UInt8], now: Timestamp) throws(EventRefusal) -> Event {
        let cells = Self.split(line, separator)
        func cell(_ column: Int?) -> String? {
            guard let column, column < cells.count, !cells[column].isEmpty else { return nil }
            return cells[column]
        }
        guard let userText = cell(user) else { throw .missingUser }
        guard let user = UserID(userText) else { throw .invalidUser }
        guard let itemText = cell(item) else { throw .missingItem }
        guard let item = ItemID(itemText) else { throw .invalidItem }
        guard let timeText = cell(timestamp) else { throw .missingTimestamp }
        let time = try EventDecoder.timestamp(ofText: timeText, limits: limits, now: now)
        var number: Double?
        if let text = cell(value) {
            guard let parsed = Double(text), parsed.isFinite else { throw .invalidValue }
            number = parsed
        }
        let word = cell(type) ?? Event.defaultType
        guard word.utf8.count <= limits.wordBytesMax else { throw .invalidType }
        return Event(user: user, item: item, type: word, timestamp: time, value: number)
    }

    /// The cells of a line; a quoted cell may hold the separator, and "" for a quote (RFC 4180). A cell
    /// does not run over the end of a line.
    private static func split(_ line: [UInt8], _ separator: UInt8) -> [String] {
        let quote = UInt8(ascii: "\"")
        var cells: [String] = []
        var cell: [UInt8] = []
        var isQuoted = false
        var place = 0
        while place < line.count {
            let byte = line[place]
            if isQuoted {
                if byte != quote {
                    cell.append(byte)
                } else if place + 1 < line.count && line[place + 1] == quote {
                    cell.append(quote)
                    place += 1
                } else {
                    isQuoted = false
                }
            } else if byte == quote && cell.isEmpty {
                isQuoted = true
            } else if byte == separator {
                cells.append(String(decoding: cell, as: UTF8.self))
                cell.removeAll(keepingCapacity: true)
            } else {
                cell.append(byte)
            }
            place += 1
        }
        cells.append(String(decoding: cell, as: UTF8.self))
        return cells
    }
}
