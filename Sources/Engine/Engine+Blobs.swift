internal import Checkpoints
internal import Events
internal import Learning
internal import SequenceModels
internal import Tensors

/// What a checkpoint has of the engine that is not a row, by name. Dense tensors go by their names.
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
        static let layout = "layout"
        static let temperature = "temperature"
        static let neighbors = "neighbors"
        static let pools = "pools"
        static func pool(_ slot: Int) -> String { poolPrefix + "\(slot)" }
        static let guards = "guards"
        static func good(_ kind: EncoderKind) -> String { "good." + kind.rawValue }
        static let quality = "quality"

        private static let poolPrefix = "pool."

        /// The slot whose pool has this name.
        static func slot(ofPool name: String) -> Int? {
            name.hasPrefix(poolPrefix) ? Int(name.dropFirst(poolPrefix.count)) : nil
        }
    }

    /// What is not a row. Slots of pools and the last good parameters are only there where they have changed.
    mutating func takeBlobs() -> [String: [UInt8]] {
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
        takeScoringBlobs(into: &blobs)
        return blobs
    }

    /// What scores the lists that are out, and what is to be done about their scores.
    private mutating func takeScoringBlobs(into blobs: inout [String: [UInt8]]) {
        var layout = ByteWriter()
        layout.write(Self.stateLayout)
        blobs[BlobName.layout] = layout.bytes
        var temperature = ByteWriter()
        temperature.write(configuration.learner.temperature ?? 0)
        blobs[BlobName.temperature] = temperature.bytes
        var neighbors = ByteWriter()
        neighbors.write(UInt32(yardsticks.neighbors.map { $0.sessionCount + 1 } ?? 0))
        blobs[BlobName.neighbors] = neighbors.bytes
        blobs[BlobName.pools] = pools.ringBytes
        let slots = pools.takeChanged()
        blobs.reserveCapacity(blobs.count + slots.count + members.count + 2)
        for slot in slots { blobs[BlobName.pool(slot)] = pools.bytes(ofSlot: slot) }
        var judged = ByteWriter()
        for place in members.indices {
            guards[place].write(to: &judged)
            let member = members[place]
            guard writtenGoodPoints[place] != member.learner.goodPoint else { continue }
            writtenGoodPoints[place] = member.learner.goodPoint
            blobs[BlobName.good(member.kind)] = member.learner.goodBytes
        }
        blobs[BlobName.guards] = judged.bytes
        var scored = ByteWriter()
        for (model, quality) in quality.sorted(by: { $0.key < $1.key }) {
            scored.write(model)
            let ranks = quality.keptRanks
            scored.write(UInt32(ranks.count))
            scored.write(ranks.span)
        }
        blobs[BlobName.quality] = scored.bytes
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
