internal import Events
internal import SequenceModels

/// What changed since the last checkpoint, each row once.
struct ChangeLog {
    private(set) var items: [ItemIndex] = []
    private(set) var users: [Int] = []
    private(set) var removedUsers: [UserID] = []
    private var isItemListed: [Bool] = []
    private var isUserListed: [Bool] = []

    mutating func touchItem(_ item: ItemIndex) {
        if Self.mark(Int(item), in: &isItemListed) { items.append(item) }
    }

    mutating func touchUser(row: Int) {
        if Self.mark(row, in: &isUserListed) { users.append(row) }
    }

    mutating func removeUser(_ user: UserID) {
        removedUsers.append(user)
    }

    /// Starts over, after a checkpoint was taken.
    mutating func removeAll() {
        for item in items { isItemListed[Int(item)] = false }
        for row in users { isUserListed[row] = false }
        items.removeAll(keepingCapacity: true)
        users.removeAll(keepingCapacity: true)
        removedUsers.removeAll()
    }

    private static func mark(_ index: Int, in marks: inout [Bool]) -> Bool {
        while marks.count <= index { marks.append(false) }
        if marks[index] { return false }
        marks[index] = true
        return true
    }
}
