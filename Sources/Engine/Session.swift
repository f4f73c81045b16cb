internal import Events
internal import SequenceModels
internal import Serving

/// What is kept of one user: the newest events, what was purchased, and the list that the next event
/// will score.
struct Session {
    /// One remembered event.
    struct Entry: Equatable {
        var item: ItemIndex
        /// The engine's event count at that moment, modulo 2^32: tells whether the row still holds the
        /// same item.
        var sequence: UInt32
        /// The type's place in the engine's table, and the bucket of the time since the event before.
        var type: UInt8 = 0
        var gap: UInt8 = 0
    }

    var user: UserID
    /// Oldest first, at most the configured length.
    var entries: [Entry] = []
    /// Items of purchase events, oldest first, distinct, at most the configured length.
    var purchased: [Entry] = []
    /// The items of the model's newest ranking for this user, before any rule took some out.
    var ranking: [ItemIndex] = []
    /// When the newest event happened, by its own account; nil before the first.
    var lastTimestamp: Timestamp?
    /// The partition that the newest event came from; negative before the first.
    var home: Int32 = -1
    /// Activity order among users: the event count of the newest event.
    var lastActive: UInt64 = 0

    mutating func append(_ entry: Entry, lengthMax: Int) {
        if entries.count >= lengthMax { entries.removeFirst(entries.count - lengthMax + 1) }
        entries.append(entry)
    }

    /// How far the session goes, which is in the table's `row`; nil where it has no event.
    func mark(row: Int) -> SessionMark? {
        guard let newest = entries.last else { return nil }
        return SessionMark(session: row, newest: newest.sequence, previous: entries.dropLast().last?.sequence)
    }

    /// Keeps what the next event will score, in the memory of the one before.
    mutating func keepRanking(_ items: ArraySlice<ItemIndex>) {
        ranking.removeAll(keepingCapacity: true)
        ranking.append(contentsOf: items)
    }

    mutating func appendPurchase(_ entry: Entry, lengthMax: Int) {
        purchased.removeAll { $0.item == entry.item }
        if purchased.count >= lengthMax { purchased.removeFirst(purchased.count - lengthMax + 1) }
        purchased.append(entry)
    }

    /// The bucket of the time between the newest event and one that happens at `timestamp`.
    func gap(to timestamp: Timestamp) -> UInt8 {
        guard let lastTimestamp else { return 0 }
        // Both are within the decoder's bounds: the difference does not overflow.
        return SessionEvent.gapBucket(milliseconds: timestamp.milliseconds - lastTimestamp.milliseconds)
    }
}
