/// The rows of a table in order of their last activity: a doubly linked list in two arrays, so that
/// the least recently active row is known at once and touching one costs a few writes.
struct RecencyList: Sendable {
    private var older: [Int32] = []
    private var newer: [Int32] = []
    private(set) var oldest: Int32 = none
    private(set) var newest: Int32 = none

    /// The end of the list.
    static let none: Int32 = -1

    /// Makes room for one more row, which is in no order until it is touched.
    mutating func append() {
        older.append(Self.none)
        newer.append(Self.none)
    }

    /// Makes `row` the most recently active.
    mutating func touch(_ row: Int) {
        let row32 = Int32(row)
        guard newest != row32 else { return }
        remove(row)
        older[row] = newest
        newer[row] = Self.none
        if newest == Self.none { oldest = row32 } else { newer[Int(newest)] = row32 }
        newest = row32
    }

    /// Takes `row` out of the order, until it is touched again.
    mutating func remove(_ row: Int) {
        let before = older[row]
        let after = newer[row]
        let row32 = Int32(row)
        if before != Self.none { newer[Int(before)] = after } else if oldest == row32 { oldest = after }
        if after != Self.none { older[Int(after)] = before } else if newest == row32 { newest = before }
        older[row] = Self.none
        newer[row] = Self.none
    }
}
