/// Tells a stored row from a damaged one: 64 bits over everything that the row says.
///
/// Each word goes through a bijection of the state (exclusive or, an odd product, a shift), so damage
/// within one aligned word of eight bytes never goes unseen, and any other does with probability 2^-64. It
/// proves nothing against somebody who means it: that is what the rights on the directory are for.
public struct Checksum: Equatable, Sendable {
    public private(set) var value: UInt64

    /// Odd, half of its bits set: the golden ratio of 2^64.
    private static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// - Parameter table: rows of different tables have different sums.
    public init(table: UInt64) {
        value = Self.factor
        add(table)
    }

    public mutating func add(_ word: UInt64) {
        value = Self.mixed(value, word)
    }

    /// The length counts too: what is one part and what the next cannot be shifted.
    public mutating func add(_ bytes: [UInt8]) {
        let count = bytes.count
        let whole = count & ~7
        var state = Self.mixed(value, UInt64(count))
        unsafe bytes.withUnsafeBytes { words in
            for place in stride(from: 0, to: whole, by: 8) {
                state = Self.mixed(state, unsafe words.loadUnaligned(fromByteOffset: place, as: UInt64.self))
            }
        }
        value = Self.mixed(state, bytes[whole...].reduce(0) { $0 << 8 | UInt64($1) })
    }

    public mutating func add(_ text: String) {
        add(Array(text.utf8))
    }

    private static func mixed(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let product = (state ^ word) &* factor
        return product ^ product >> 29
    }
}
