public import Checkpoints
internal import Events
internal import Learning
internal import SequenceModels

extension Engine {
    public var modelDescription: ModelDescription {
        ModelDescription(
            encoder: configuration.modelName, dimensions: configuration.learner.dimensions,
            modelVersion: modelVersion)
    }

    /// Takes what changed since the last call, with the offsets it stands for, all at once. Nothing may be
    /// staged: call it after `learn`.
    public mutating func takeCheckpoint() -> Checkpoint {
        abandonCheckpoint()
        beginCheckpoint()
        while true {
            if let checkpoint = advanceCheckpoint(rowsMax: .max) { return checkpoint }
        }
    }

    /// Whether a checkpoint has begun that is not handed out yet.
    public var isCapturing: Bool { capture != nil }

    /// Takes the whole state, whatever has changed: two engines that have learned the same have the same one, bit
    /// for bit, however often they were restored.
    public mutating func takeWholeCheckpoint() -> Checkpoint {
        abandonCheckpoint()
        yardsticks.neighbors?.removeAbsent()
        makeEverythingDue()
        return takeCheckpoint()
    }

    /// The next checkpoint holds everything.
    mutating func makeEverythingDue() {
        for item in 0..<catalog.count { changes.touchItem(ItemIndex(item)) }
        changes.makeEveryUserDue()
        pools.putBack(0..<pools.slotCount)
        writtenGoodPoints = members.map { _ in 0 }
    }

    /// Begins a checkpoint of this moment: what changed since the last one, with the offsets it stands for.
    /// Nothing may be staged: call it after `learn`, and then `advanceCheckpoint` until it hands it out.
    public mutating func beginCheckpoint() {
        precondition(staged.isEmpty, "every staged event is learned before a checkpoint")
        precondition(capture == nil, "one checkpoint at a time")
        if changes.isEveryUserDue {
            for row in 0..<sessions.rowCount { changes.touchUser(row: row) }
        }
        let waiting = changes.takeAll()
        var checkpoint = Checkpoint(model: modelDescription, offsets: watermarks)
        // Who left and came back is among the users, and written after.
        checkpoint.removedUsers = waiting.removedUsers
        checkpoint.replacesUsers = waiting.isEveryUserDue
        checkpoint.forgetsUsers = waiting.hasForgotten
        checkpoint.blobs = takeBlobs()
        capture = CheckpointCapture(checkpoint, waiting: waiting, halvings: yardsticks.popularity.halvings)
    }

    /// Copies some more rows.
    ///
    /// - Parameter rowsMax: at most so many; a row costs a fraction of a microsecond.
    /// - Returns: the checkpoint, once it is whole.
    public mutating func advanceCheckpoint(rowsMax: Int) -> Checkpoint? {
        for _ in 0..<rowsMax {
            if let item = capture?.popItem() {
                copy(item: item)
            } else if let row = capture?.popUser() {
                copy(userRow: row)
            } else {
                defer { capture = nil }
                return capture?.checkpoint
            }
        }
        return nil
    }

    /// Copies an item's row for the checkpoint under way, before it changes.
    mutating func preserve(item: ItemIndex) {
        if capture?.isWaiting(item: item) == true { copy(item: item) }
    }

    /// Copies a user's row for the checkpoint under way, before it changes.
    mutating func preserve(userRow row: Int) {
        if capture?.isWaiting(user: row) == true { copy(userRow: row) }
    }

    /// An item's row is about to change.
    mutating func touch(item: ItemIndex) {
        preserve(item: item)
        changes.touchItem(item)
    }

    /// A user's row is about to change.
    mutating func touch(userRow row: Int) {
        preserve(userRow: row)
        changes.touchUser(row: row)
    }

    private mutating func copy(item: ItemIndex) {
        let copied = row(ofItem: item, halvings: capture?.halvings ?? yardsticks.popularity.halvings)
        capture?.take(copied)
    }

    private mutating func copy(userRow row: Int) {
        let copied = self.row(ofUser: row)
        capture?.take(copied, row: row)
    }

    /// Copies what one event will change.
    mutating func preserveRows(for event: Event) {
        guard let halvings = capture?.halvings else { return }
        if yardsticks.popularity.eventsUntilHalving == 1, yardsticks.popularity.halvings != halvings {
            // The first halving of every count can be told back, a second one cannot.
            while let item = capture?.popItem() { copy(item: item) }
        }
        if let row = sessions.rowToAdmit(event.user) { preserve(userRow: row) }
        if let item = catalog.rowToAdmit(event.item) { preserve(item: item) }
    }

    /// Gives up the checkpoint under way: its rows count as changed still.
    private mutating func abandonCheckpoint() {
        guard let capture else { return }
        self.capture = nil
        for item in capture.changes.items { changes.touchItem(item) }
        for row in capture.changes.users { changes.touchUser(row: row) }
        for user in capture.changes.removedUsers { changes.removeUser(user) }
        if capture.changes.isEveryUserDue { changes.makeEveryUserDue() }
        if capture.changes.hasForgotten { changes.noteForgotten() }
        putBackBlobs(of: capture.checkpoint)
    }

    /// Counts the rows of a checkpoint that could not be written as changed again.
    public mutating func putBack(_ checkpoint: Checkpoint) {
        for row in checkpoint.items { changes.touchItem(ItemIndex(row.index)) }
        for user in checkpoint.users {
            if let row = sessions.row(of: user.id) { changes.touchUser(row: row) }
        }
        for user in checkpoint.removedUsers { changes.removeUser(user) }
        if checkpoint.replacesUsers { changes.makeEveryUserDue() }
        if checkpoint.forgetsUsers { changes.noteForgotten() }
        putBackBlobs(of: checkpoint)
    }

    /// Blobs that are written only where they have changed are to be written again.
    private mutating func putBackBlobs(of checkpoint: Checkpoint) {
        pools.putBack(checkpoint.blobs.keys.compactMap(BlobName.slot(ofPool:)))
        for (place, member) in members.enumerated() where checkpoint.blobs[BlobName.good(member.kind)] != nil {
            writtenGoodPoints[place] = 0
        }
    }
}
