internal import Checkpoints
internal import Events

/// The newest events that had an id of their own, so that a second copy of one, which stands at another
/// offset, is known for what it is. Bounded: the oldest is forgotten first.
///
/// Kept are 64-bit hashes: a user's id is not another user's, and reading the first copy again, after a crash, is
/// not a repetition. Two different events of the newest million are taken for one with a probability below 10^-7.
/// Each knows the one before it of the same user: the newest of a user go with the session where that goes.
struct RecentIDs {
    private var ring: [Entry] = []
    /// The oldest, once the ring is full.
    private var next = 0
    private var slots: [UInt64: Int32] = [:]
    /// The newest slot of each user.
    private var newestSlots: [UInt64: Int32] = [:]
    let capacity: Int

    private struct Entry {
        var id: RecentID
        /// A hash; `nobody` where it is not known.
        var user: UInt64
        /// The slot of the user's id before it, which somebody else may have by now; `none` where there was none.
        var older: Int32
    }

    private static let none: Int32 = -1
    /// Ids of states that did not say whose they were.
    private static let nobody: UInt64 = 0

    init(capacity: Int) {
        self.capacity = capacity
    }

    var count: Int { ring.count }

    /// Whether another event with this user's id is known.
    func isRepetition(_ id: String, of user: UserID, at source: RecordSource) -> Bool {
        guard let slot = slots[Self.name(id, user)] else { return false }
        return ring[Int(slot)].id.place != Self.place(source)
    }

    /// Keeps a new event's id.
    mutating func insert(_ id: String, of user: UserID, at source: RecordSource) {
        insert(RecentID(name: Self.name(id, user), place: Self.place(source)), of: user)
    }

    /// Keeps an id that was kept elsewhere.
    mutating func insert(_ id: RecentID, of user: UserID) {
        insert(id, user: Self.hash(user))
    }

    /// Takes over all that another one keeps, oldest first.
    mutating func insert(all other: RecentIDs) {
        for index in other.ring.indices {
            let entry = other.ring[(other.next + index) % other.ring.count]
            insert(entry.id, user: entry.user)
        }
    }

    private mutating func insert(_ id: RecentID, user: UInt64) {
        guard capacity > 0, slots[id.name] == nil else { return }
        let slot: Int
        if ring.count < capacity {
            slot = ring.count
        } else {
            slot = next
            let oldest = ring[slot]
            slots[oldest.id.name] = nil
            if newestSlots[oldest.user] == Int32(slot) { newestSlots[oldest.user] = nil }
            next = (next + 1) % capacity
        }
        let entry = Entry(id: id, user: user, older: newestSlots[user] ?? Self.none)
        if slot == ring.count { ring.append(entry) } else { ring[slot] = entry }
        slots[id.name] = Int32(slot)
        if user != Self.nobody { newestSlots[user] = Int32(slot) }
    }

    /// The newest ids of a user, at most `countMax`, oldest first.
    func newest(of user: UserID, countMax: Int) -> [RecentID] {
        let user = Self.hash(user)
        var found: [RecentID] = []
        var slot = newestSlots[user] ?? Self.none
        var age = -1
        while slot != Self.none, found.count < countMax {
            let entry = ring[Int(slot)]
            // Another one has the slot by now; where it is the user's own it is a newer one.
            let entryAge = (next + ring.count - 1 - Int(slot)) % ring.count
            guard entry.user == user, entryAge > age else { break }
            found.append(entry.id)
            (slot, age) = (entry.older, entryAge)
        }
        return found.reversed()
    }

    /// How many, then the entries with their users, oldest first.
    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: Self.entryBytes * ring.count + 4)
        writer.write(UInt32(ring.count))
        for index in ring.indices {
            let entry = ring[(next + index) % ring.count]
            writer.write(entry.id.name)
            writer.write(entry.id.place)
            writer.write(entry.user)
        }
        return writer.bytes
    }

    private static let entryBytes = 24
    /// Of a state of format 3, which had no users here.
    private static let oldEntryBytes = 16

    /// Takes over what was kept: the newest of it where the bound is smaller now.
    mutating func restore(_ bytes: [UInt8]) throws(PayloadError) {
        var reader = ByteReader(bytes)
        let count = Int(try reader.read(UInt32.self))
        let hasUsers = reader.remaining == Self.entryBytes * count
        guard hasUsers || reader.remaining == Self.oldEntryBytes * count else {
            throw .inconsistent("the recent ids")
        }
        for _ in 0..<count {
            let id = RecentID(name: try reader.read(UInt64.self), place: try reader.read(UInt64.self))
            insert(id, user: hasUsers ? try reader.read(UInt64.self) : Self.nobody)
        }
    }

    private static func hash(_ user: UserID) -> UInt64 {
        var hash = FowlerNollVo()
        hash.take(user.text.utf8)
        // Nobody's is one of 2^64.
        return max(hash.value, 1)
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
