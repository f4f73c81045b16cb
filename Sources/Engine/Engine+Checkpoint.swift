public import Checkpoints
internal import Events
internal import Learning
internal import SequenceModels
internal import Tensors

// D = hidden width

/// The engine's layout of a checkpoint. Item payload: vector [D], bias, two accumulators, arrival,
/// last activity, occurrences, halvings seen. User payload: row, entries, then purchases, each item and
/// sequence.
extension Engine {
    enum BlobName {
        static let learner = "learner"
        static let recent = "learner.recent"
        static let popularity = "popularity"
        static let blend = "blend"
        static let sessions = "sessions"
        static func tensor(_ name: GRUParameters.Name) -> String { name.rawValue }
        static func firstMoment(_ name: GRUParameters.Name) -> String { "adam.first." + name.rawValue }
        static func secondMoment(_ name: GRUParameters.Name) -> String { "adam.second." + name.rawValue }
    }

    public var modelDescription: ModelDescription {
        ModelDescription(
            encoder: configuration.encoder.rawValue, dimensions: configuration.learner.dimensions,
            modelVersion: learner.version)
    }

    /// Takes what changed since the last call, with the offsets it stands for. Nothing may be staged:
    /// call it after `learn`.
    public mutating func takeCheckpoint() -> Checkpoint {
        precondition(staged.isEmpty, "every staged event is learned before a checkpoint")
        var checkpoint = Checkpoint(model: modelDescription, offsets: watermarks)
        checkpoint.items.reserveCapacity(changes.items.count)
        for item in changes.items { checkpoint.items.append(row(ofItem: item)) }
        for row in changes.users where sessions.row(of: sessions[row].user) == row {
            checkpoint.users.append(self.row(ofUser: row))
        }
        checkpoint.removedUsers = changes.removedUsers.filter { sessions.row(of: $0) == nil }
        checkpoint.blobs = blobs()
        changes.removeAll()
        return checkpoint
    }

    /// Counts the rows of a checkpoint that could not be written as changed again.
    public mutating func putBack(_ checkpoint: Checkpoint) {
        for row in checkpoint.items { changes.touchItem(ItemIndex(row.index)) }
        for user in checkpoint.users {
            if let row = sessions.row(of: user.id) { changes.touchUser(row: row) }
        }
        for user in checkpoint.removedUsers { changes.removeUser(user) }
    }

    private func row(ofItem item: ItemIndex) -> ItemRow {
        let index = Int(item)
        var writer = ByteWriter(reserving: 4 * (configuration.learner.dimensions + 8))
        learner.table.vectors.withRow(index) { writer.write($0) }
        writer.write(learner.table.biases[0, index])
        writer.write(learner.table.vectorAccumulators[0, index])
        writer.write(learner.table.biasAccumulators[0, index])
        writer.write(catalog.arrival(of: item))
        writer.write(catalog.lastActive(of: item))
        writer.write(yardsticks.popularity.count(of: item))
        writer.write(yardsticks.popularity.halvings)
        return ItemRow(index: UInt32(index), id: catalog.id(of: item), payload: writer.bytes)
    }

    private func row(ofUser row: Int) -> UserRow {
        let session = sessions[row]
        var writer = ByteWriter(reserving: 8 * (session.entries.count + session.purchased.count) + 12)
        writer.write(UInt32(row))
        for entries in [session.entries, session.purchased] {
            writer.write(UInt32(entries.count))
            for entry in entries {
                writer.write(entry.item)
                writer.write(entry.sequence)
            }
        }
        return UserRow(id: session.user, lastActive: session.lastActive, payload: writer.bytes)
    }

    private func blobs() -> [String: [UInt8]] {
        var blobs: [String: [UInt8]] = [:]
        for name in GRUParameters.Name.allCases {
            blobs[BlobName.tensor(name)] = learner.parameters.withTensor(name) { Self.bytes(of: $0) }
            blobs[BlobName.firstMoment(name)] = learner.optimizer.firstMoment.withTensor(name) { Self.bytes(of: $0) }
            blobs[BlobName.secondMoment(name)] = learner.optimizer.secondMoment.withTensor(name) { Self.bytes(of: $0) }
        }
        var scalars = ByteWriter()
        scalars.write(sequence)
        scalars.write(learner.version)
        scalars.write(learner.generator.state)
        scalars.write(UInt64(learner.optimizer.step))
        scalars.write(replayedWindows)
        blobs[BlobName.learner] = scalars.bytes

        var recent = ByteWriter(reserving: 4 * learner.sampler.recent.count + 8)
        recent.write(UInt32(learner.sampler.nextSlot))
        for item in learner.sampler.recent { recent.write(item) }
        blobs[BlobName.recent] = recent.bytes

        var popularity = ByteWriter()
        popularity.write(UInt64(yardsticks.popularity.eventsUntilHalving))
        popularity.write(yardsticks.popularity.halvings)
        blobs[BlobName.popularity] = popularity.bytes
        var rows = ByteWriter()
        rows.write(UInt32(sessions.rowCount))
        for row in sessions.vacantRows { rows.write(row) }
        blobs[BlobName.sessions] = rows.bytes

        var blended = ByteWriter()
        blended.write(blend.values.span)
        blobs[BlobName.blend] = blended.bytes
        return blobs
    }

    private static func bytes(of tensor: borrowing Matrix) -> [UInt8] {
        var writer = ByteWriter(reserving: 4 * tensor.rows * tensor.columns)
        for row in 0..<tensor.rows {
            tensor.withRow(row) { writer.write($0) }
        }
        return writer.bytes
    }
}
