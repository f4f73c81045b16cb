internal import Events

/// How the lines of a table are cut, and which column holds what.
struct TableHeader {
    private let separator: [UInt8]
    /// Where each column stands, in the order of ``EventColumn``; nil for one that the table does not have.
    private let places: [Int?]
    private let limits = EventLimits()

    /// The usual ones; the first under which a header has its columns is taken.
    private static let separators = ["::", "\t", ";", ",", "|"].map { Array($0.utf8) }

    private init(separator: [UInt8], places: [Int?]) {
        self.separator = separator
        self.places = places
    }

    /// Reads a header.
    ///
    /// - Throws: the problem of the separator under which most of the columns are found.
    init(line: [UInt8], number: Int) throws(HeaderProblem) {
        var nearest: (problem: HeaderProblem, found: Int)?
        for separator in Self.separators {
            let names = TableRow(line, separator).names
            guard names.count > 1 else { continue }
            let columns = names.map { EventColumn(header: $0) }
            do throws(HeaderProblem) {
                self.init(separator: separator, places: try Self.places(names, columns, line: number))
                return
            } catch {
                let found = Set(columns.compactMap { $0 }).count
                if found > 0, found > nearest?.found ?? 0 { nearest = (error, found) }
            }
        }
        throw nearest?.problem ?? .noTable(line: number, found: Excerpt.of(line))
    }

    /// MovieLens has no header: user::item::rating::timestamp.
    ///
    /// - Returns: nil where `line` is no such row.
    init?(movieLensRow line: [UInt8], now: Timestamp) {
        let separator = Self.separators[0]
        guard TableRow(line, separator).names.count == 4 else { return nil }
        self.init(separator: separator, places: [0, 1, 3, nil, 2])
        do throws(CellProblem) { _ = try event(of: line, now: now) } catch { return nil }
    }

    private static func places(
        _ names: [String], _ columns: [EventColumn?], line: Int
    ) throws(HeaderProblem) -> [Int?] {
        var places: [Int?] = []
        for column in EventColumn.allCases {
            let candidates = columns.indices.filter { columns[$0] == column }
            // The event record's own name wins over its synonyms.
            let exact = candidates.filter { names[$0] == column.name }
            let chosen = exact.isEmpty ? candidates : exact
            guard chosen.count <= 1 else {
                throw .ambiguous(line: line, column: column.name, found: chosen.map { names[$0] }, places: chosen.map { $0 + 1 })
            }
            if chosen.isEmpty, column.isNeeded { throw .missing(line: line, column: column.name, found: names) }
            places.append(chosen.first)
        }
        return places
    }

    func event(of line: [UInt8], now: Timestamp) throws(CellProblem) -> Event {
        let row = TableRow(line, separator)
        if let place = row.openQuote {
            throw CellProblem(place: place, name: nil, found: row.cells[place], reason: .openQuote)
        }
        let user = try part(.user, row, .missingUser, .invalidUser) { text throws(EventRefusal) in UserID(text) }
        let item = try part(.item, row, .missingItem, .invalidItem) { text throws(EventRefusal) in ItemID(text) }
        let timestamp = try part(.timestamp, row, .missingTimestamp, .invalidTimestamp) { text throws(EventRefusal) in
            try EventDecoder.timestamp(ofText: text, limits: limits, now: now)
        }
        var value: Double?
        if let text = try text(.value, row) {
            guard let number = Double(text), number.isFinite else { throw problem(.value, row, .refusal(.invalidValue)) }
            value = number
        }
        let type = try text(.type, row) ?? Event.defaultType
        guard type.utf8.count <= limits.wordBytesMax else { throw problem(.type, row, .refusal(.invalidType)) }
        return Event(user: user, item: item, type: type, timestamp: timestamp, value: value)
    }

    /// A part that every event has.
    private func part<Part>(
        _ column: EventColumn, _ row: TableRow, _ missing: EventRefusal, _ invalid: EventRefusal,
        _ read: (String) throws(EventRefusal) -> Part?
    ) throws(CellProblem) -> Part {
        guard let text = try text(column, row) else { throw problem(column, row, .refusal(missing)) }
        do throws(EventRefusal) {
            guard let part = try read(text) else { throw invalid }
            return part
        } catch {
            throw problem(column, row, .refusal(error))
        }
    }

    /// The text of a cell; nil where it is empty, or the line ends before it.
    private func text(_ column: EventColumn, _ row: TableRow) throws(CellProblem) -> String? {
        guard let place = places[column.rawValue], place < row.cells.count else { return nil }
        let bytes = row.cells[place]
        guard !bytes.isEmpty else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw problem(column, row, .notUTF8) }
        return text
    }

    private func problem(_ column: EventColumn, _ row: TableRow, _ reason: CellProblem.Reason) -> CellProblem {
        let place = places[column.rawValue] ?? 0
        let found = place < row.cells.count ? row.cells[place] : []
        return CellProblem(place: place, name: column.name, found: found, reason: reason)
    }
}
