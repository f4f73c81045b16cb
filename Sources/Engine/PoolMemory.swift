internal import Checkpoints
internal import SequenceModels

/// The pools of the newest lists, until the events come that score them: as bytes, some kilobytes each.
/// Bounded: the oldest is forgotten.
struct PoolMemory {
    /// For each slot, the row whose pool it has; `vacant` where that was taken.
    private var rows: [Int32] = []
    /// For each slot the row, then the pool, as a checkpoint has it: thousands of slots are handed out in one turn, and
    /// none is copied. Empty where it is vacant.
    private var pools: [[UInt8]] = []
    /// The memory of pools that were taken, as many as slots are vacant at most.
    private var vacated: [[UInt8]] = []
    private var slots: [Int32: Int] = [:]
    private var nextSlot = 0
    /// Slots that changed since the last checkpoint.
    private(set) var changed: Set<Int> = []

    private static let capacity = 4096
    private static let vacant: Int32 = -1

    /// - Parameter pool: its bytes, the row first.
    mutating func keep(_ pool: ArraySlice<UInt8>, row: Int) {
        discard(row: row)
        let slot = nextSlot
        if rows.count < Self.capacity {
            rows.append(Self.vacant)
            pools.append([])
        } else if rows[slot] != Self.vacant {
            discard(row: Int(rows[slot]))
        }
        rows[slot] = Int32(row)
        pools[slot] = vacated.popLast() ?? []
        pools[slot].append(contentsOf: pool)
        slots[Int32(row)] = slot
        changed.insert(slot)
        nextSlot = (nextSlot + 1) % Self.capacity
    }

    /// Hands out the pool of a row.
    ///
    /// - Parameter pool: becomes it, in its own memory.
    /// - Returns: whether the row has one.
    mutating func take(row: Int, into pool: inout CandidatePool) -> Bool {
        guard let slot = slots[Int32(row)] else { return false }
        defer { discard(row: row) }
        return Self.read(pools[slot], into: &pool)
    }

    private static func read(_ bytes: [UInt8], into pool: inout CandidatePool) -> Bool {
        var reader = ByteReader(bytes)
        // These are bytes of our own making, or were read when they were restored.
        guard (try? reader.read(Int32.self)) != nil else { return false }
        return (try? pool.read(from: &reader)) != nil
    }

    /// Forgets the pool of a row, where it has one.
    mutating func discard(row: Int) {
        guard let slot = slots.removeValue(forKey: Int32(row)) else { return }
        rows[slot] = Self.vacant
        var pool = exchange(&pools[slot], with: [])
        // Unless a checkpoint still has it, the next list takes its memory.
        pool.removeAll(keepingCapacity: true)
        vacated.append(pool)
        changed.insert(slot)
    }
}

/// What a checkpoint has of it: a slot of the ring in a blob of its own, so that only those are written whose
/// list is new.
extension PoolMemory {
    /// Slots in use, and the next one.
    var ringBytes: [UInt8] {
        var writer = ByteWriter()
        writer.write(UInt32(rows.count))
        writer.write(UInt32(nextSlot))
        return writer.bytes
    }

    var slotCount: Int { rows.count }

    /// A slot: the row, then the pool; the row alone where it is vacant.
    func bytes(ofSlot slot: Int) -> [UInt8] {
        guard rows[slot] == Self.vacant else { return pools[slot] }
        var writer = ByteWriter(reserving: 4)
        writer.write(Self.vacant)
        return writer.bytes
    }

    mutating func takeChanged() -> Set<Int> {
        let taken = changed
        changed = []
        return taken
    }

    /// Slots are to be written again.
    mutating func putBack(_ slots: some Sequence<Int>) {
        for slot in slots where slot < rows.count { changed.insert(slot) }
    }

    /// Goes on from what was kept.
    ///
    /// - Parameters:
    ///   - rowCount: rows of sessions; a pool of another row is refused, as is one that names an item beyond
    ///     `itemCount`.
    mutating func restore(
        ring: [UInt8], rowCount: Int, itemCount: Int, slot bytes: (Int) throws(PayloadError) -> [UInt8]
    ) throws(PayloadError) {
        var reader = ByteReader(ring)
        let count = Int(try reader.read(UInt32.self))
        let next = Int(try reader.read(UInt32.self))
        guard count <= Self.capacity, next == (count < Self.capacity ? count : next % Self.capacity), reader.isAtEnd else {
            throw .inconsistent("the ring of pools")
        }
        for slot in 0..<count {
            let kept = try bytes(slot)
            var reader = ByteReader(kept)
            let row = try reader.read(Int32.self)
            rows.append(row)
            pools.append(row == Self.vacant ? [] : kept)
            guard row != Self.vacant else { continue }
            let pool = try CandidatePool(from: &reader)
            let isKnown = pool.items.allSatisfy { Int($0) < itemCount }
            guard reader.isAtEnd, isKnown, (0..<rowCount).contains(Int(row)), slots[row] == nil else {
                throw .inconsistent("a pool of candidates")
            }
            slots[row] = slot
        }
        nextSlot = next
    }
}
