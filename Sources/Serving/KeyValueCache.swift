internal import Tensors

// L = events of a window, D = width, B = blocks, S = sessions

/// Keys and values of self-attention, kept for the sessions that were active last: one event more then costs one
/// position instead of a window.
///
/// Positions are told by distance, so that what is kept does not depend on where the window began: the newest event
/// takes the place of the one that slides out. It was made of older weights, though, and of events that have slid out
/// since; so all is made anew, of the whole window, after ``KeptLimits/versionsMax`` versions of the weights or
/// ``KeptLimits/stepsMax`` events of the session.
///
/// Bounded: sessions share sets of eight places, by their row, and the least recently active of a set leaves for a new
/// one. Who goes on from what is settled by `plan`, question by question, on one thread; encoders of several threads may
/// then follow their steps side by side, since no two of a round share a place. What is kept thus depends on the
/// questions and their rounds alone.
///
/// A class because those encoders share it.
final class KeyValueCache {
    /// [S · B · L x D] each: a session's blocks one after another, in each a ring of L events.
    let keys: QuantizedRows
    let values: QuantizedRows
    private var entries: [Entry]
    private var round: UInt64 = 0
    private let lengthMax: Int
    private let blocks: Int
    private let limits: KeptLimits

    private struct Entry {
        /// The session's row; negative where the place is free.
        var session = -1
        /// The number of the newest event that is in.
        var newest: UInt32 = 0
        /// The version of the weights when all were made together.
        var version: UInt64 = 0
        /// Events that are in, and the place of the newest in the ring.
        var count = 0
        var place = 0
        /// Events that joined one by one.
        var steps = 0
        /// The round of the last question.
        var lastUse: UInt64 = 0
    }

    /// Places of a set.
    private static let ways = 8

    /// - Parameter lengthMax: L.
    init(limits: KeptLimits, lengthMax: Int, blocks: Int, dimensions: Int) {
        precondition(lengthMax > 0 && blocks > 0, "there is something to keep")
        let sessionBytes = 2 * blocks * lengthMax * QuantizedRows.rowBytes(columns: dimensions)
        let sessions = max(1, min(limits.sessionsMax, limits.bytesMax / sessionBytes) / Self.ways) * Self.ways
        self.limits = limits
        self.lengthMax = lengthMax
        self.blocks = blocks
        keys = QuantizedRows(capacity: sessions * blocks * lengthMax, columns: dimensions)
        values = QuantizedRows(capacity: sessions * blocks * lengthMax, columns: dimensions)
        entries = [Entry](repeating: Entry(), count: sessions)
    }

    /// Begins a round: the steps of the one before are done.
    func beginRound() { round += 1 }

    /// How a window is encoded; nil where nothing is kept of it, before or after.
    ///
    /// - Parameters:
    ///   - length: events of the window, at most L.
    ///   - version: of the weights; rises by one a step of learning.
    func plan(_ mark: SessionMark, length: Int, version: UInt64) -> KeptStep? {
        guard length >= limits.lengthMin else { return nil }
        let kept = slot(of: mark.session)
        if let kept, entries[kept].lastUse != round, let step = next(mark, length: length, version: version, slot: kept) {
            return step
        }
        guard let slot = kept ?? leastRecent(inSetOf: mark.session), entries[slot].lastUse != round else { return nil }
        entries[slot] = Entry(
            session: mark.session, newest: mark.newest, version: version, count: length, place: length - 1,
            lastUse: round)
        return KeptStep(slot: slot, place: length - 1, count: length, isWhole: true)
    }

    private func next(_ mark: SessionMark, length: Int, version: UInt64, slot: Int) -> KeptStep? {
        var entry = entries[slot]
        guard version >= entry.version, version - entry.version <= limits.versionsMax else { return nil }
        if mark.previous == entry.newest, entry.steps < limits.stepsMax, length == min(entry.count + 1, lengthMax) {
            entry.place = (entry.place + 1) % lengthMax
            entry.count = length
            entry.steps += 1
        } else if mark.newest != entry.newest || length != entry.count {
            return nil
        }
        // Where it is asked again, perhaps of newer weights, the newest event is encoded once more.
        entry.newest = mark.newest
        entry.lastUse = round
        entries[slot] = entry
        return KeptStep(slot: slot, place: entry.place, count: length, isWhole: false)
    }

    /// Sessions of which something is kept.
    var count: Int { entries.count { $0.session >= 0 } }

    /// Where the ring of a block begins.
    func firstRow(_ slot: Int, block: Int) -> Int { (slot * blocks + block) * lengthMax }

    /// Forgets a session; nothing of it stays in memory.
    func remove(session: Int) {
        guard let slot = slot(of: session) else { return }
        entries[slot] = Entry()
        let rows = firstRow(slot, block: 0)..<firstRow(slot + 1, block: 0)
        keys.clear(rows)
        values.clear(rows)
    }

    /// Forgets every session: the weights are not those of a step further.
    func removeAll() {
        for slot in entries.indices { entries[slot] = Entry() }
    }

    private func set(of session: Int) -> Range<Int> {
        let first = session % (entries.count / Self.ways) * Self.ways
        return first..<first + Self.ways
    }

    private func slot(of session: Int) -> Int? { set(of: session).first { entries[$0].session == session } }

    /// The place that a new session of a set gets.
    private func leastRecent(inSetOf session: Int) -> Int? {
        set(of: session).min { entries[$0].lastUse < entries[$1].lastUse }
    }
}

/// How much is kept, and for how long.
struct KeptLimits {
    /// Sessions at most, and the bytes of all: fewer sessions where windows are long.
    var sessionsMax = 4096
    var bytesMax = 16 << 20
    /// Versions of the weights after which a session's keys and values are made anew.
    var versionsMax: UInt64 = 256
    /// Events of the session after which they are.
    var stepsMax = 4
    /// Events of a window from which on it is kept: shorter ones cost no more whole.
    var lengthMin = 8
}

/// How one window is encoded beside what is kept. Of use in the round that it was planned for.
public struct KeptStep: Sendable {
    /// The session's place.
    let slot: Int
    /// The newest event's in the ring of each block.
    let place: Int
    /// Events of the window.
    let count: Int
    /// Whether the window is encoded whole, and then kept.
    let isWhole: Bool

    /// Offsets for each distance, the last column that of distance 0, in the order of the ring.
    ///
    /// - Parameters:
    ///   - offsets: [heads x at least L]
    ///   - turned: of the same shape; its last columns are filled, one an event.
    func turn(_ offsets: borrowing Matrix, into turned: inout Matrix) {
        let (end, count, older) = (offsets.columns, count, place + 1)
        for head in 0..<offsets.rows {
            offsets.withRow(head) { offsets in
                turned.withMutableRow(head) { turned in
                    for column in 0..<older { turned[end - count + column] = offsets[end - older + column] }
                    for column in older..<count { turned[end - count + column] = offsets[end - count - older + column] }
                }
            }
        }
    }
}
