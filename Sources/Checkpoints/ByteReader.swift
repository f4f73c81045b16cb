/// Reads a payload back, in the order in which it was written.
public struct ByteReader: Sendable {
    @usableFromInline let bytes: [UInt8]
    @usableFromInline var place = 0

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    @inlinable public var isAtEnd: Bool { place == bytes.count }

    /// Bytes not read yet: bounds every count that a payload claims.
    @inlinable public var remaining: Int { bytes.count - place }

    // Inlinable: a restore reads tens of millions of numbers, and a call of generic code for each byte of them
    // would cost more than the disk.
    @inlinable
    public mutating func read<Value: FixedWidthInteger & BitwiseCopyable>(_: Value.Type) throws(PayloadError) -> Value {
        let size = MemoryLayout<Value>.size
        guard remaining >= size else { throw .truncated }
        let value = unsafe bytes.withUnsafeBytes { bytes in
            unsafe bytes.loadUnaligned(fromByteOffset: place, as: Value.self)
        }
        place += size
        return Value(littleEndian: value)
    }

    /// Fills `target`.
    public mutating func read(into target: inout MutableSpan<Float>) throws(PayloadError) {
        let size = 4 * target.count
        guard remaining >= size else { throw .truncated }
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe target.withUnsafeMutableBytes { target in
                unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[place..<place + size]))
            }
        }
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

    @inlinable
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
