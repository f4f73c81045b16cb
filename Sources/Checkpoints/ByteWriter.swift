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
}
