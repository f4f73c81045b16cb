internal import CZlib
internal import Glibc

/// Lines of a file, plain or gzip, or of standard input.
@safe struct LineReader: ~Copyable {
    private let file: gzFile
    private let path: String
    private var buffer = [UInt8](repeating: 0, count: bufferBytes)
    private var filled = 0
    private var place = 0
    private(set) var lineNumber = 0
    private let byteCount: Int?

    private static let bufferBytes = 1 << 16
    /// The rest of a longer line is dropped; the line is then refused as too large.
    static let lineBytesMax = 1 << 20

    init(path: String) throws(EventFileError) {
        let opened = unsafe path == "-" ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(path, "rb")
        guard let opened = unsafe opened else { throw .cannotOpen(path: path) }
        unsafe file = opened
        self.path = path
        var status = stat()
        let isKnown = unsafe stat(path, &status) == 0
        byteCount = isKnown && path != "-" ? Int(status.st_size) : nil
    }

    deinit {
        unsafe gzclose(file)
    }

    /// The share of the file that was read, in 0...1; nil where its size is not known.
    var progress: Double? {
        guard let byteCount, byteCount > 0 else { return nil }
        return min(1, Double(unsafe gzoffset(file)) / Double(byteCount))
    }

    /// The next line without its end; nil at the end of the file.
    mutating func next() throws(EventFileError) -> [UInt8]? {
        var line: [UInt8] = []
        while true {
            if place == filled {
                guard try fill() else {
                    if line.isEmpty { return nil }
                    break
                }
            }
            let rest = buffer[place..<filled]
            let end = rest.firstIndex(of: UInt8(ascii: "\n"))
            let part = rest[..<(end ?? filled)]
            if line.count < Self.lineBytesMax { line.append(contentsOf: part.prefix(Self.lineBytesMax + 1 - line.count)) }
            place = end.map { $0 + 1 } ?? filled
            if end != nil { break }
        }
        lineNumber += 1
        if lineNumber == 1 { try removeMark(&line) }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line
    }

    /// A byte order mark is no part of the first line.
    private func removeMark(_ line: inout [UInt8]) throws(EventFileError) {
        if line.starts(with: [0xFF, 0xFE]) || line.starts(with: [0xFE, 0xFF]) { throw .utf16(path: path) }
        if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
    }

    private mutating func fill() throws(EventFileError) -> Bool {
        let count = unsafe buffer.withUnsafeMutableBufferPointer { bytes in
            unsafe gzread(file, bytes.baseAddress, UInt32(bytes.count))
        }
        var status: Int32 = 0
        if count <= 0 { _ = unsafe gzerror(file, &status) }
        // A compressed file that was cut short ends like one that is whole, but for this status.
        guard count >= 0, status == Z_OK || status == Z_STREAM_END else { throw .damaged(path: path, line: lineNumber) }
        filled = Int(count)
        place = 0
        return count > 0
    }
}
