internal import Checkpoints
internal import SequenceModels

/// A checkpoint on its way out of the engine: what changed is copied some rows at a time, so that the stream
/// never waits for all of them. What is about to change is copied before, and so the checkpoint is of the one
/// moment at which it began.
struct CheckpointCapture {
    private(set) var checkpoint: Checkpoint
    /// Halvings of the popularity counts at that moment.
    let halvings: UInt32
    /// The rows to copy; marked as long as they wait.
    private var waiting: ChangeLog
    private var nextItem = 0
    private var nextUser = 0

    init(_ checkpoint: Checkpoint, waiting: ChangeLog, halvings: UInt32) {
        self.checkpoint = checkpoint
        self.halvings = halvings
        self.waiting = waiting
        self.checkpoint.items.reserveCapacity(waiting.items.count)
        self.checkpoint.users.reserveCapacity(waiting.users.count)
    }

    func isWaiting(item: ItemIndex) -> Bool { waiting.holdsItem(item) }

    func isWaiting(user row: Int) -> Bool { waiting.holdsUser(row: row) }

    mutating func take(_ row: ItemRow) {
        waiting.unmarkItem(ItemIndex(row.index))
        checkpoint.items.append(row)
    }

    /// - Parameter user: nil where nobody has the row any more.
    mutating func take(_ user: UserRow?, row: Int) {
        waiting.unmarkUser(row: row)
        if let user { checkpoint.users.append(user) }
    }

    /// The next item that waits; nil where none does.
    mutating func popItem() -> ItemIndex? {
        while nextItem < waiting.items.count {
            let item = waiting.items[nextItem]
            nextItem += 1
            if waiting.holdsItem(item) { return item }
        }
        return nil
    }

    mutating func popUser() -> Int? {
        while nextUser < waiting.users.count {
            let row = waiting.users[nextUser]
            nextUser += 1
            if waiting.holdsUser(row: row) { return row }
        }
        return nil
    }

    /// What the checkpoint was to hold, for beginning again.
    var changes: ChangeLog { waiting }
}
