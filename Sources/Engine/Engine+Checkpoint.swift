public import Checkpoints
internal import Events
internal import Learning
internal import SequenceModels
internal import Tensors

// D = hidden width

/// The engine's layout of a checkpoint. Item payload: for each neural model vector [D], bias, two
/// accumulators, and where the optimizer of rows has them its moments; then arrival, last activity, occurrences, halvings seen. User payload: row, time of the newest
/// event, entries, then purchases, each item, sequence, type and gap; last the partition they came from. Dense tensors go by their names.
extension Engine {
    enum BlobName {
        static let engine = "engine"
        static let types = "types"
        static let recent = "recent"
        static func learner(_ kind: EncoderKind) -> String { "learner." + kind.rawValue }
        static func tensor(_ name: String, _ part: TensorPart) -> String { part.rawValue + name }
        static let popularity = "popularity"
        static let blend = "blend"
        static let sessions = "sessions"
        static let recentIDs = "recent.ids"
        static let adopted = "adopted"
    }

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
        checkpoint.blobs = blobs()
        capture = CheckpointCapture(checkpoint, waiting: waiting)
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

    private mutating func copy(item: ItemIndex) {
        let copied = row(ofItem: item)
        capture?.take(copied)
    }

    private mutating func copy(userRow row: Int) {
        let copied = self.row(ofUser: row)
        capture?.take(copied, row: row)
    }

    /// Copies what one event will change.
    mutating func preserveRows(for event: Event) {
        guard capture != nil else { return }
        if yardsticks.popularity.eventsUntilHalving == 1 {
            // Halving changes every count.
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
    }

    /// Counts the rows of a checkpoint that could not be written as changed again.
    public mutating func putBack(_ checkpoint: Checkpoint) {
        for row in checkpoint.items { changes.touchItem(ItemIndex(row.index)) }
        for user in checkpoint.users {
            if let row = sessions.row(of: user.id) { changes.touchUser(row: row) }
        }
        for user in checkpoint.removedUsers { changes.removeUser(user) }
        if checkpoint.replacesUsers { changes.makeEveryUserDue() }
    }

    private func row(ofItem item: ItemIndex) -> ItemRow {
        let index = Int(item)
        var writer = ByteWriter(reserving: 4 * members.count * (configuration.learner.dimensions + 3) + 20)
        for member in members {
            member.learner.table.vectors.withRow(index) { writer.write($0) }
            writer.write(member.learner.table.biases[0, index])
            writer.write(member.learner.table.vectorAccumulators[0, index])
            writer.write(member.learner.table.biasAccumulators[0, index])
            if let moments = member.learner.moments(of: item) { writer.write(moments.span) }
        }
        writer.write(catalog.arrival(of: item))
        writer.write(catalog.lastActive(of: item))
        writer.write(yardsticks.popularity.count(of: item))
        writer.write(yardsticks.popularity.halvings)
        return ItemRow(index: UInt32(index), id: catalog.id(of: item), payload: writer.bytes)
    }

    /// nil where nobody has the row.
    private func row(ofUser row: Int) -> UserRow? {
        let session = sessions[row]
        guard sessions.row(of: session.user) == row else { return nil }
        var writer = ByteWriter(reserving: 10 * (session.entries.count + session.purchased.count) + 20)
        writer.write(UInt32(row))
        writer.write(UInt64(bitPattern: session.lastTimestamp?.milliseconds ?? 0))
        for entries in [session.entries, session.purchased] {
            writer.write(UInt32(entries.count))
            for entry in entries {
                writer.write(entry.item)
                writer.write(entry.sequence)
                writer.write(entry.type)
                writer.write(entry.gap)
            }
        }
        writer.write(session.home)
        return UserRow(id: session.user, lastActive: session.lastActive, payload: writer.bytes)
    }

    private func blobs() -> [String: [UInt8]] {
        var blobs: [String: [UInt8]] = [:]
        for member in members { blobs.merge(self.blobs(of: member)) { _, new in new } }
        var scalars = ByteWriter()
        scalars.write(sequence)
        blobs[BlobName.engine] = scalars.bytes
        var words = ByteWriter()
        for word in types.words { words.write(word) }
        blobs[BlobName.types] = words.bytes
        if let sampler = members.first?.learner.sampler {
            // All draw from the same recent events.
            var recent = ByteWriter(reserving: 4 * sampler.recent.count + 4)
            recent.write(UInt32(sampler.nextSlot))
            for item in sampler.recent { recent.write(item) }
            blobs[BlobName.recent] = recent.bytes
        }

        var popularity = ByteWriter()
        popularity.write(UInt64(yardsticks.popularity.eventsUntilHalving))
        popularity.write(yardsticks.popularity.halvings)
        blobs[BlobName.popularity] = popularity.bytes
        var rows = ByteWriter()
        rows.write(UInt32(sessions.rowCount))
        for row in sessions.vacantRows { rows.write(row) }
        blobs[BlobName.sessions] = rows.bytes

        blobs[BlobName.recentIDs] = recentIDs.bytes
        blobs[BlobName.adopted] = adopted.bytes

        var blended = ByteWriter()
        blended.write(blend.values.span)
        blobs[BlobName.blend] = blended.bytes
        return blobs
    }

    /// Dense tensors with what the optimizer remembers of them, and the learner's counts and chance.
    private func blobs(of member: NeuralMember) -> [String: [UInt8]] {
        var blobs: [String: [UInt8]] = [:]
        member.learner.encoder.forEachParameter { parameter in
            blobs[BlobName.tensor(parameter.name, .value)] = Self.bytes(of: parameter.value)
            blobs[BlobName.tensor(parameter.name, .firstMoment)] = Self.bytes(of: parameter.firstMoment)
            blobs[BlobName.tensor(parameter.name, .secondMoment)] = Self.bytes(of: parameter.secondMoment)
        }
        var scalars = ByteWriter()
        scalars.write(member.learner.version)
        scalars.write(member.learner.generator.state)
        scalars.write(member.learner.dropoutState)
        scalars.write(UInt64(member.learner.optimizer.step))
        scalars.write(member.replayedWindows)
        blobs[BlobName.learner(member.kind)] = scalars.bytes
        return blobs
    }

    static func bytes(of tensor: borrowing Matrix) -> [UInt8] {
        var writer = ByteWriter(reserving: 4 * tensor.rows * tensor.columns)
        for row in 0..<tensor.rows {
            tensor.withRow(row) { writer.write($0) }
        }
        return writer.bytes
    }
}

extension Engine {
    /// Bytes of an item's payload.
    func itemBytes(withMoments: Bool) -> Int {
        let dimensions = configuration.learner.dimensions
        let moments = withMoments ? RowMoments.count(dimensions: dimensions) : 0
        return 4 * members.count * (dimensions + 3 + moments) + 20
    }
}
