public import Events

/// Reads files of events: JSON Lines of the event record, or CSV and TSV with a header whose columns
/// are user, item, timestamp and, if wanted, type and value. Either may be gzip; `-` is standard input.
///
/// A line that cannot be used is counted and passed over, as the daemon dead-letters it.
public struct EventFileReader: ~Copyable {
    private var lines: LineReader
    private var format: Format
    private var pending: [UInt8]?
    private var decoder: EventDecoder
    private let path: String
    private let now: Timestamp

    /// Lines that held no usable event, and what was wrong with the first.
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
        guard let decoder = EventDecoder(fields: EventFields(), limits: limits) else {
            throw .cannotOpen(path: path)
        }
        guard let first = try lines.next() else { throw .empty(path: path) }
        if first.first(where: { $0 != UInt8(ascii: " ") }) == UInt8(ascii: "{") {
            format = .jsonLines
            pending = first
        } else if let header = TableHeader(line: first) {
            format = .table(header)
        } else {
            throw .headerMissing(path: path)
        }
        self.lines = lines
        self.decoder = decoder
        self.path = path
        self.now = now
    }

    /// The share of the file that was read, in 0...1; nil where its size is not known.
    public var progress: Double? { lines.progress }

    /// The next usable event; nil at the end.
    ///
    /// - Throws: where the file is damaged, or ends without one usable event.
    public mutating func next() throws(EventFileError) -> Event? {
        while let line = try nextLine() {
            if line.isEmpty { continue }
            do throws(EventRefusal) {
                let event = try decode(line)
                accepted += 1
                return event
            } catch {
                skipped += 1
                if firstProblem == nil { firstProblem = "line \(lines.lineNumber): \(error)" }
            }
        }
        if accepted == 0, let firstProblem { throw .nothingReadable(path: path, firstProblem: firstProblem) }
        return nil
    }

    private mutating func nextLine() throws(EventFileError) -> [UInt8]? {
        if let line = pending {
            pending = nil
            return line
        }
        return try lines.next()
    }

    private mutating func decode(_ line: [UInt8]) throws(EventRefusal) -> Event {
        switch format {
        case .jsonLines:
            switch try decoder.decode(key: nil, value: line, recordTimestamp: nil, now: now) {
            case .event(let event): return event
            case .forget: throw .notJSON
            }
        case .table(let header):
            return try header.event(of: line, now: now)
        }
    }
}
