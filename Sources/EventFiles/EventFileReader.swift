public import Events

/// Reads files of events: JSON Lines of the event record, or a table with a header whose columns are user, item,
/// timestamp and, if wanted, type and value, under their usual names. Cells are separated by commas, tabs,
/// semicolons, `|` or `::`; rows of MovieLens need no header. Any of them may be gzip; `-` is standard input.
///
/// A line that cannot be used is counted and passed over, as the daemon dead-letters it.
public struct EventFileReader: ~Copyable {
    private var lines: LineReader
    private var format: Format
    private var pending: [UInt8]?
    private var decoder: EventDecoder
    private let path: String
    private let now: Timestamp

    /// Lines that held no usable event, and what was wrong with the first: its line, its column and what was found.
    public private(set) var skipped = 0
    public private(set) var firstProblem: String?
    private var accepted = 0

    private enum Format {
        case jsonLines
        case table(TableHeader)
    }

    /// - Parameter now: events much later than this are refused.
    public init(path: String, now: Timestamp) throws(EventFileError) {
        var limits = EventLimits()
        limits.recordBytesMax = LineReader.lineBytesMax
        var lines = try LineReader(path: path)
        guard let decoder = EventDecoder(fields: EventFields(), limits: limits, notation: .file) else {
            throw .cannotOpen(path: path)
        }
        var first = try lines.next()
        while let line = first, Self.isBlank(line) { first = try lines.next() }
        guard let first else { throw .empty(path: path) }
        do throws(HeaderProblem) {
            (format, pending) = try Self.format(first, lines.lineNumber, now)
        } catch {
            throw .notATable(path: path, error)
        }
        self.lines = lines
        self.decoder = decoder
        self.path = path
        self.now = now
    }

    /// The format that the first line tells of, and that line where it is an event already.
    private static func format(_ line: [UInt8], _ number: Int, _ now: Timestamp) throws(HeaderProblem) -> (Format, [UInt8]?) {
        switch line.first(where: { !isBlank([$0]) }) {
        case UInt8(ascii: "{"): return (.jsonLines, line)
        case UInt8(ascii: "["): throw .array(line: number)
        default: break
        }
        if let rows = TableHeader(movieLensRow: line, now: now) { return (.table(rows), line) }
        return (.table(try TableHeader(line: line, number: number)), nil)
    }

    private static func isBlank(_ line: [UInt8]) -> Bool {
        line.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
    }

    /// The share of the file that was read, in 0...1; nil where its size is not known.
    public var progress: Double? { lines.progress }

    /// The next usable event; nil at the end.
    ///
    /// - Throws: where the file is damaged, or ends without one usable event.
    public mutating func next() throws(EventFileError) -> Event? {
        while let line = try nextLine() {
            if Self.isBlank(line) { continue }
            do throws(LineProblem) {
                let event = try decode(line)
                accepted += 1
                return event
            } catch {
                skipped += 1
                if firstProblem == nil { firstProblem = "line \(lines.lineNumber)\(error.text)" }
            }
        }
        guard accepted == 0 else { return nil }
        if let firstProblem { throw .nothingReadable(path: path, firstProblem: firstProblem) }
        throw .noEvents(path: path)
    }

    private mutating func nextLine() throws(EventFileError) -> [UInt8]? {
        if let line = pending {
            pending = nil
            return line
        }
        return try lines.next()
    }

    private struct LineProblem: Error {
        var text: String
    }

    private mutating func decode(_ line: [UInt8]) throws(LineProblem) -> Event {
        switch format {
        case .jsonLines:
            do throws(EventRefusal) {
                switch try decoder.decode(key: nil, value: line, recordTimestamp: nil, now: now) {
                case .event(let event): return event
                case .forget: throw .notJSON
                }
            } catch {
                throw LineProblem(text: ": \(error); found \(Excerpt.of(line))")
            }
        case .table(let header):
            do throws(CellProblem) {
                return try header.event(of: line, now: now)
            } catch {
                throw LineProblem(text: ", \(error)")
            }
        }
    }
}
