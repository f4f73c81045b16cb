/// An id that an event had, as it is remembered: one hash of user and id, and one of where the event stood, the same
/// in every process. So it tells a second copy, which stands elsewhere, from the first one that is read again.
public struct RecentID: Equatable, Sendable {
    public var name: UInt64
    public var place: UInt64

    public init(name: UInt64, place: UInt64) {
        self.name = name
        self.place = place
    }

    /// Bytes of one: name, then place, little-endian.
    static let byteCount = 16

    public static func bytes(of ids: [RecentID]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount * ids.count)
        for id in ids {
            for word in [id.name, id.place] {
                for shift in stride(from: 0 as UInt64, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
            }
        }
        return bytes
    }

    /// - Returns: nil where these are no ids, or more than a session has.
    public static func ids(_ bytes: [UInt8]) -> [RecentID]? {
        guard bytes.count % byteCount == 0, bytes.count / byteCount <= KeptSession.entriesMax else { return nil }
        func word(at place: Int) -> UInt64 {
            bytes[place..<place + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        return stride(from: 0, to: bytes.count, by: byteCount).map { RecentID(name: word(at: $0), place: word(at: $0 + 8)) }
    }
}
