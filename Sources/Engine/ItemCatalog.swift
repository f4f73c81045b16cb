internal import Events
internal import SequenceModels

/// Which item stands in which row. Bounded: when full, the item that was active least recently gives
/// its row to the new one.
struct ItemCatalog {
    private var rows: [ItemID: ItemIndex] = [:]
    private var ids: [ItemID] = []
    /// For each row, the event count at which its item moved in: what a session remembers from
    /// before that moment was another item.
    private var movedIn: [UInt32] = []
    /// For each row, the event count of its newest event.
    private var lastActive: [UInt64] = []
    private var recency = RecencyList()
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
    }

    var count: Int { ids.count }

    func id(of item: ItemIndex) -> ItemID { ids[Int(item)] }

    func row(of id: ItemID) -> ItemIndex? { rows[id] }

    func arrival(of item: ItemIndex) -> UInt32 { movedIn[Int(item)] }

    func lastActive(of item: ItemIndex) -> UInt64 { lastActive[Int(item)] }

    /// Whether what was remembered of `item` at event `sequence` is still about the same item.
    func holds(_ item: ItemIndex, since sequence: UInt32) -> Bool {
        // Wrapping: the difference is right as long as a memory is younger than 2^31 events.
        Int32(bitPattern: sequence &- movedIn[Int(item)]) >= 0
    }

    enum Admission {
        /// The item has its row already.
        case known(ItemIndex)
        /// The item got a row that nobody had.
        case added(ItemIndex)
        /// The item got the row of one that left.
        case replaced(ItemIndex)
    }

    /// The row that `admit` would change; nil where it would make one.
    func rowToAdmit(_ id: ItemID) -> ItemIndex? {
        if let row = rows[id] { return row }
        return ids.count == capacity ? ItemIndex(recency.oldest) : nil
    }

    /// Finds or makes room for `id`, as of event `sequence`, and makes it the most recently active.
    mutating func admit(_ id: ItemID, at sequence: UInt64) -> Admission {
        if let row = rows[id] {
            touch(row, at: sequence)
            return .known(row)
        }
        guard ids.count == capacity else {
            let row = ItemIndex(ids.count)
            append(id, movedIn: UInt32(truncatingIfNeeded: sequence))
            touch(row, at: sequence)
            return .added(row)
        }
        let row = recency.oldest
        rows[ids[Int(row)]] = nil
        ids[Int(row)] = id
        rows[id] = row
        movedIn[Int(row)] = UInt32(truncatingIfNeeded: sequence)
        touch(row, at: sequence)
        return .replaced(row)
    }

    /// Adds the next row. A row is not in the order of activity before it is touched.
    mutating func append(_ id: ItemID, movedIn sequence: UInt32) {
        rows[id] = ItemIndex(ids.count)
        ids.append(id)
        movedIn.append(sequence)
        lastActive.append(0)
        recency.append()
    }

    mutating func touch(_ item: ItemIndex, at sequence: UInt64) {
        lastActive[Int(item)] = sequence
        recency.touch(Int(item))
    }
}
