/// The cells of one line of a table. A quoted cell may hold the separator, and "" for a quote (RFC 4180); spaces
/// around a cell are no part of it. A cell does not run over the end of a line.
struct TableRow {
    struct Cell {
        var bytes: [UInt8] = []
        var isQuoted = false
    }

    private(set) var cells: [Cell] = []
    /// The cell whose quote does not end on the line.
    private(set) var openQuote: Int?

    private static let quote = UInt8(ascii: "\"")

    init(_ line: [UInt8], _ separator: [UInt8]) {
        var cell = Cell()
        var isOpen = false
        var place = 0
        while place < line.count {
            let byte = line[place]
            if isOpen {
                if byte != Self.quote {
                    cell.bytes.append(byte)
                } else if place + 1 < line.count && line[place + 1] == Self.quote {
                    cell.bytes.append(byte)
                    place += 1
                } else {
                    isOpen = false
                }
            } else if byte == separator[0], line[place...].starts(with: separator) {
                append(cell)
                cell = Cell()
                place += separator.count - 1
            } else if byte == Self.quote, !cell.isQuoted, cell.bytes.allSatisfy({ $0 == UInt8(ascii: " ") }) {
                cell = Cell(bytes: [], isQuoted: true)
                isOpen = true
            } else if !cell.isQuoted || byte != UInt8(ascii: " ") {
                cell.bytes.append(byte)
            }
            place += 1
        }
        append(cell)
        if isOpen { openQuote = cells.count - 1 }
    }

    private mutating func append(_ cell: Cell) {
        var cell = cell
        if !cell.isQuoted, let first = cell.bytes.first, let last = cell.bytes.last, Self.isSpace(first) || Self.isSpace(last) {
            let start = cell.bytes.firstIndex { !Self.isSpace($0) } ?? cell.bytes.endIndex
            let end = cell.bytes.lastIndex { !Self.isSpace($0) }.map { $0 + 1 } ?? start
            cell.bytes = Array(cell.bytes[start..<end])
        }
        cells.append(cell)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    /// The cells as the names of a header.
    var names: [String] { cells.map { String(decoding: $0.bytes, as: UTF8.self) } }
}
