internal import Events
internal import SequenceModels

/// What changed since the last checkpoint, each row once.
struct ChangeLog {
    private(set) var items: [ItemIndex] = []
    private(set) var users: [Int] = []
    /// Bounded by `removedMax`: while a disk is full nobody takes them.
    private(set) var removedUsers: [UserID] = []
    /// More users have left than are named: the next checkpoint holds all that are left.
    private(set) var isEveryUserDue = false
    /// Somebody asked to be forgotten, known or not: an older copy of the state may hold them.
    private(set) var hasForgotten = false
    private var isItemListed: [Bool] = []
    private var isUserListed: [Bool] = []
    private let removedMax: Int

    init(removedMax: Int) {
        self.removedMax = removedMax
    }

    mutating func touchItem(_ item: ItemIndex) {
        if Self.mark(Int(item), in: &isItemListed) { items.append(item) }
    }

    mutating func touchUser(row: Int) {
        if Self.mark(row, in: &isUserListed) { users.append(row) }
    }

    mutating func removeUser(_ user: UserID) {
        if removedUsers.count < removedMax { removedUsers.append(user) } else { makeEveryUserDue() }
    }

    mutating func noteForgotten() { hasForgotten = true }

    mutating func makeEveryUserDue() {
        isEveryUserDue = true
        removedUsers = []
    }

    /// Hands over everything, and starts anew.
    mutating func takeAll() -> ChangeLog {
        let taken = self
        self = ChangeLog(removedMax: removedMax)
        // Marks as many as before: growing a million of them one by one is a pause.
        isItemListed = [Bool](repeating: false, count: taken.isItemListed.count)
        isUserListed = [Bool](repeating: false, count: taken.isUserListed.count)
        return taken
    }

    func holdsItem(_ item: ItemIndex) -> Bool {
        Int(item) < isItemListed.count && isItemListed[Int(item)]
    }

    func holdsUser(row: Int) -> Bool {
        row < isUserListed.count && isUserListed[row]
    }

    /// Takes the mark of an item that was listed; the list stays.
    mutating func unmarkItem(_ item: ItemIndex) { isItemListed[Int(item)] = false }

    mutating func unmarkUser(row: Int) { isUserListed[row] = false }

    private static func mark(_ index: Int, in marks: inout [Bool]) -> Bool {
        if marks.count <= index {
            marks.append(contentsOf: repeatElement(false, count: index + 1 - marks.count))
        }
        if marks[index] { return false }
        marks[index] = true
        return true
    }
}
