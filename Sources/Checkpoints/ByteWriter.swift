/// Builds a payload: little-endian numbers, one after another.
public struct ByteWriter: Sendable {
    public internal(set) var bytes: [UInt8] = []

    public init(reserving capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    // Inlinable: a checkpoint writes millions of numbers, and the stream waits for it.
    @inlinable
    public mutating func write(_ value: some FixedWidthInteger & BitwiseCopyable) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe append($0) }
    }

    @inlinable
    public mutating func write(_ value: Float) {
        write(value.bitPattern)
    }

    @usableFromInline
    mutating func append(_ buffer: UnsafeRawBufferPointer) {
        unsafe bytes.append(contentsOf: buffer)
    }

    /// A text: its length in bytes, then its UTF-8.
    public mutating func write(_ text: String) {
        write(UInt32(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    /// Many integers, one after another.
    public mutating func write<Value: FixedWidthInteger & BitwiseCopyable>(_ values: Span<Value>) {
        precondition(UInt16(1).littleEndian == 1, "a little-endian machine")
        unsafe values.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// Many floats, one after another.
    public mutating func write(_ values: Span<Float>) {
        // Memory is the format where the machine is little-endian, as every one is that this runs on.
        precondition(UInt16(1).littleEndian == 1, "a little-endian machine")
        unsafe values.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }
}
