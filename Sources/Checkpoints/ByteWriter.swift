/// Builds a payload: little-endian numbers, one after another.
public struct ByteWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init(reserving capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    public mutating func write(_ value: some FixedWidthInteger) {
        var remaining = value
        for _ in 0..<value.bitWidth / 8 {
            bytes.append(UInt8(truncatingIfNeeded: remaining))
            remaining >>= 8
        }
    }

    public mutating func write(_ value: Float) {
        write(value.bitPattern)
    }

    /// A text: its length in bytes, then its UTF-8.
    public mutating func write(_ text: String) {
        write(UInt32(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    /// Many floats, one after another.
    public mutating func write(_ values: Span<Float>) {
        // Memory is the format where the machine is little-endian, as every one is that this runs on.
        precondition(UInt16(1).littleEndian == 1, "a little-endian machine")
        unsafe values.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }
}
