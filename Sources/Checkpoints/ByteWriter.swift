/// Builds a payload: little-endian numbers, one after another.
public struct ByteWriter: Sendable {
    /// What is written, and room behind it.
    @usableFromInline var room: [UInt8]
    @usableFromInline var count = 0

    /// - Parameter capacity: bytes that will be written; where it is right nothing is copied at the end.
    public init(reserving capacity: Int = 0) {
        room = [UInt8](repeating: 0, count: capacity)
    }

    /// What was written.
    public var bytes: [UInt8] { count == room.count ? room : Array(room.prefix(count)) }

    /// Bytes written.
    public var size: Int { count }

    /// A part of what was written.
    public func written(_ range: Range<Int>) -> ArraySlice<UInt8> {
        precondition(range.upperBound <= count, "it was written")
        return room[range]
    }

    /// Begins anew, in the same memory.
    public mutating func removeAll() { count = 0 }

    // Inlinable: a list writes hundreds of numbers, a checkpoint millions, and the stream waits for them.
    @inlinable
    public mutating func write(_ value: some FixedWidthInteger & BitwiseCopyable) {
        let place = take(MemoryLayout.size(ofValue: value))
        unsafe room.withUnsafeMutableBytes { unsafe $0.storeBytes(of: value.littleEndian, toByteOffset: place, as: type(of: value)) }
    }

    @inlinable
    public mutating func write(_ value: Float) {
        write(value.bitPattern)
    }

    /// The numbers of a vector whose bits are set, in their order.
    @inlinable
    public mutating func write(_ vector: SIMD16<Float>, where bits: UInt16) {
        var place = take(4 * bits.nonzeroBitCount)
        unsafe room.withUnsafeMutableBytes { room in
            var left = bits
            while left != 0 {
                let word = vector[left.trailingZeroBitCount].bitPattern.littleEndian
                unsafe room.storeBytes(of: word, toByteOffset: place, as: UInt32.self)
                place &+= 4
                left &= left &- 1
            }
        }
    }

    /// Takes room for some bytes.
    ///
    /// - Returns: where it begins.
    @inlinable
    mutating func take(_ size: Int) -> Int {
        let place = count
        if place + size > room.count { grow(to: place + size) }
        count = place + size
        return place
    }

    @usableFromInline
    mutating func grow(to size: Int) {
        room.append(contentsOf: repeatElement(0, count: max(size, 2 * room.count, 64) - room.count))
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) {
        let place = take(bytes.count)
        unsafe room.withUnsafeMutableBytes { room in
            unsafe UnsafeMutableRawBufferPointer(rebasing: room[place...]).copyMemory(from: bytes)
        }
    }

    /// A text: its length in bytes, then its UTF-8.
    public mutating func write(_ text: String) {
        write(UInt32(text.utf8.count))
        var text = text
        text.withUTF8 { unsafe append(UnsafeRawBufferPointer($0)) }
    }

    /// Many integers, one after another.
    public mutating func write<Value: FixedWidthInteger & BitwiseCopyable>(_ values: Span<Value>) {
        precondition(UInt16(1).littleEndian == 1, "a little-endian machine")
        unsafe values.withUnsafeBytes { unsafe append($0) }
    }

    /// Many floats, one after another.
    public mutating func write(_ values: Span<Float>) {
        // Memory is the format where the machine is little-endian, as every one is that this runs on.
        precondition(UInt16(1).littleEndian == 1, "a little-endian machine")
        unsafe values.withUnsafeBytes { unsafe append($0) }
    }
}
