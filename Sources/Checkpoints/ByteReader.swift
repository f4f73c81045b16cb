/// Reads a payload back, in the order in which it was written.
public struct ByteReader: Sendable {
    private let bytes: [UInt8]
    private var place = 0

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public var isAtEnd: Bool { place == bytes.count }

    /// Bytes not read yet: bounds every count that a payload claims.
    public var remaining: Int { bytes.count - place }

    public mutating func read<Value: FixedWidthInteger>(_: Value.Type) throws(PayloadError) -> Value {
        let size = Value.bitWidth / 8
        guard remaining >= size else { throw .truncated }
        var value: Value = 0
        for index in 0..<size {
            value |= Value(truncatingIfNeeded: bytes[place + index]) << Value(truncatingIfNeeded: 8 * index)
        }
        place += size
        return value
    }

    /// Fills `target`.
    public mutating func read(into target: inout MutableSpan<Float>) throws(PayloadError) {
        let size = 4 * target.count
        guard remaining >= size else { throw .truncated }
        let part = bytes[place..<place + size]
        unsafe target.withUnsafeMutableBytes { unsafe $0.copyBytes(from: part) }
        place += size
    }

    /// What `ByteWriter.write(_: String)` wrote.
    public mutating func readText() throws(PayloadError) -> String {
        let count = Int(try read(UInt32.self))
        guard count <= remaining else { throw .truncated }
        guard let text = String(validating: bytes[place..<place + count], as: UTF8.self) else {
            throw .inconsistent("a text is not UTF-8")
        }
        place += count
        return text
    }

    public mutating func readFloat() throws(PayloadError) -> Float {
        Float(bitPattern: try read(UInt32.self))
    }
}

/// Why a stored payload cannot be used.
public enum PayloadError: Error, Equatable, Sendable {
    case truncated
    case missing(blob: String)
    case inconsistent(String)
}

extension PayloadError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated: "a stored row ends too early"
        case .missing(let blob): "the stored state has no \(blob)"
        case .inconsistent(let what): "the stored state does not fit together: \(what)"
        }
    }
}
