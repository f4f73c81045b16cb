/// The cells of one line of a table. A quoted cell may hold the separator, and "" for a quote (RFC 4180); spaces
/// around a cell are no part of it. A cell does not run over the end of a line.
struct TableRow {
    private(set) var cells: [[UInt8]] = []
    /// The cell whose quote does not end on the line.
    private(set) var openQuote: Int?

    private static let quote = UInt8(ascii: "\"")
    private static let space = UInt8(ascii: " ")

    init(_ line: [UInt8], _ separator: [UInt8]) {
        var place = 0
        while true {
            let start = line[place...].firstIndex { $0 != Self.space } ?? line.count
            let end: Int
            if start < line.count, line[start] == Self.quote {
                end = appendQuoted(line, from: start + 1, separator)
            } else {
                end = Self.end(of: place, line, separator)
                cells.append(Array(Self.trimmed(line[place..<end])))
            }
            guard end < line.count else { return }
            place = end + separator.count
        }
    }

    /// Appends the cell whose text begins at `place`, and returns where it ends.
    private mutating func appendQuoted(_ line: [UInt8], from place: Int, _ separator: [UInt8]) -> Int {
        var cell: [UInt8] = []
        var place = place
        while let quote = line[place...].firstIndex(of: Self.quote) {
            cell += line[place..<quote]
            place = quote + 1
            if place < line.count, line[place] == Self.quote {
                cell.append(Self.quote)
                place += 1
                continue
            }
            let end = Self.end(of: place, line, separator)
            cell += Self.trimmed(line[place..<end])
            cells.append(cell)
            return end
        }
        cell += line[place...]
        openQuote = cells.count
        cells.append(cell)
        return line.count
    }

    private static func end(of place: Int, _ line: [UInt8], _ separator: [UInt8]) -> Int {
        var place = place
        while let next = line[place...].firstIndex(of: separator[0]) {
            if separator.count == 1 || line[next...].starts(with: separator) { return next }
            place = next + 1
        }
        return line.count
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        while let byte = bytes.first, isSpace(byte) { bytes.removeFirst() }
        while let byte = bytes.last, isSpace(byte) { bytes.removeLast() }
        return bytes
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == space || byte == UInt8(ascii: "\t") }

    /// The cells as the names of a header.
    var names: [String] { cells.map { String(decoding: $0, as: UTF8.self) } }
}
