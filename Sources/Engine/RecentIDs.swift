internal import Checkpoints
internal import Events

/// The newest events that had an id of their own, so that a second copy of one, which stands at another
/// offset, is known for what it is. Bounded: the oldest is forgotten first.
///
/// Kept are two 64-bit hashes an event, of user and id, and of where it stood: a user's id is not another
/// user's, and reading the first copy again, after a crash, is not a repetition. Two different events of the
/// newest million are taken for one with a probability below 10^-7.
struct RecentIDs {
    private var ring: [Entry] = []
    private var next = 0
    private var places: [UInt64: UInt64] = [:]
    let capacity: Int

    private struct Entry {
        var name: UInt64
        var place: UInt64
    }

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Whether another event with this user's id is known.
    func isRepetition(_ id: String, of user: UserID, at source: RecordSource) -> Bool {
        guard let place = places[Self.name(id, user)] else { return false }
        return place != Self.place(source)
    }

    /// Keeps a new event's id.
    mutating func insert(_ id: String, of user: UserID, at source: RecordSource) {
        insert(Entry(name: Self.name(id, user), place: Self.place(source)))
    }

    private mutating func insert(_ entry: Entry) {
        guard capacity > 0, places[entry.name] == nil else { return }
        places[entry.name] = entry.place
        if ring.count < capacity {
            ring.append(entry)
            return
        }
        places[ring[next].name] = nil
        ring[next] = entry
        next = (next + 1) % capacity
    }

    /// How many, then the entries, oldest first.
    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 16 * ring.count + 4)
        writer.write(UInt32(ring.count))
        for index in ring.indices {
            let entry = ring[(next + index) % ring.count]
            writer.write(entry.name)
            writer.write(entry.place)
        }
        return writer.bytes
    }

    /// Takes over what was kept: the newest of it where the bound is smaller now.
    mutating func restore(_ bytes: [UInt8]) throws(PayloadError) {
        var reader = ByteReader(bytes)
        for _ in 0..<(try reader.read(UInt32.self)) {
            insert(Entry(name: try reader.read(UInt64.self), place: try reader.read(UInt64.self)))
        }
    }

    private static func name(_ id: String, _ user: UserID) -> UInt64 {
        var hash = FowlerNollVo()
        hash.take(user.text.utf8)
        hash.take(CollectionOfOne(0xFF))
        hash.take(id.utf8)
        return hash.value
    }

    private static func place(_ source: RecordSource) -> UInt64 {
        var hash = FowlerNollVo()
        hash.take(source.topicPartition.topic.utf8)
        hash.take(CollectionOfOne(0xFF))
        for shift in stride(from: 0, to: 64, by: 8) {
            hash.take(CollectionOfOne(UInt8(truncatingIfNeeded: source.offset >> Int64(shift))))
        }
        for shift in stride(from: 0, to: 32, by: 8) {
            hash.take(CollectionOfOne(UInt8(truncatingIfNeeded: source.topicPartition.partition >> Int32(shift))))
        }
        return hash.value
    }
}

/// FNV-1a (Fowler, Noll, Vo), 64 bits, with the finalizer of MurmurHash3: the same in every process, which the
/// standard library's hash is not.
private struct FowlerNollVo {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func take(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    }

    var value: UInt64 {
        var mixed = state
        mixed = (mixed ^ (mixed >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        mixed = (mixed ^ (mixed >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return mixed ^ (mixed >> 33)
    }
}
