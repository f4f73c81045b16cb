internal import Checkpoints
internal import Events
internal import Learning
internal import SequenceModels
internal import Tensors

/// Goes on from what a checkpoint has that is not a row.
extension Engine {
    mutating func restore(blobs: [String: [UInt8]]) throws(PayloadError) {
        let hasHeads = try Self.isStateOfThisLayout(blobs)
        for member in members { try member.restore(blobs, hasRepeatHead: hasHeads) }
        var scalars = ByteReader(try Self.blob(BlobName.engine, in: blobs))
        sequence = try scalars.read(UInt64.self)
        var written = ByteReader(try Self.blob(BlobName.types, in: blobs))
        var words: [String] = []
        while !written.isAtEnd { words.append(try written.readText()) }
        guard let known = EventTypes(words: words) else {
            throw .inconsistent("the event types")
        }
        types = known

        var recent = ByteReader(try Self.blob(BlobName.recent, in: blobs))
        let nextSlot = Int(try recent.read(UInt32.self))
        var items: [ItemIndex] = []
        while !recent.isAtEnd {
            let item = try recent.read(ItemIndex.self)
            guard (0..<catalog.count).contains(Int(item)) else {
                throw .inconsistent("a recent event names item row \(item), which does not exist")
            }
            items.append(item)
        }
        for member in members { member.learner.restoreRecent(items, nextSlot: nextSlot) }

        try recentIDs.restore(try Self.blob(BlobName.recentIDs, in: blobs))
        try adopted.restore(try Self.blob(BlobName.adopted, in: blobs))

        var blended = ByteReader(try Self.blob(BlobName.blend, in: blobs))
        var values: [Float] = []
        while !blended.isAtEnd { values.append(try blended.readFloat()) }
        guard let restored = Blend(values: values) else { throw .inconsistent("the weights of the blend") }
        blend = restored
    }

    mutating func restorePopularity(
        _ blobs: [String: [UInt8]], occurrences: [(count: UInt32, halvings: UInt32)]
    ) throws(PayloadError) {
        var popularity = ByteReader(try Self.blob(BlobName.popularity, in: blobs))
        let untilHalving = Int(clamping: try popularity.read(UInt64.self))
        let halvings = try popularity.read(UInt32.self)
        // A row stored before a halving has not been halved: do now what was done then.
        let counts = occurrences.map { row in row.count >> min(31, halvings &- row.halvings) }
        yardsticks.popularity.restore(counts: counts, eventsUntilHalving: untilHalving, halvings: halvings)
    }

    mutating func restoreRows(_ blobs: [String: [UInt8]]) throws(PayloadError) {
        var rows = ByteReader(try Self.blob(BlobName.sessions, in: blobs))
        let count = Int(try rows.read(UInt32.self))
        var vacant: [Int32] = []
        while !rows.isAtEnd { vacant.append(try rows.read(Int32.self)) }
        // Stands in rows that nobody has, and has none itself.
        guard let nobody = UserID("-"),
            sessions.finishRestoring(vacant: vacant, rowCount: count, placeholder: nobody)
        else { throw .inconsistent("the rows of sessions") }
    }

    /// Restores what scores the lists that are out.
    mutating func restoreScoring(_ blobs: [String: [UInt8]]) throws(PayloadError) {
        try pools.restore(
            ring: try Self.blob(BlobName.pools, in: blobs), rowCount: sessions.rowCount, itemCount: catalog.count
        ) { slot throws(PayloadError) in try Self.blob(BlobName.pool(slot), in: blobs) }
        var judged = ByteReader(try Self.blob(BlobName.guards, in: blobs))
        let hasHeads = try Self.isStateOfThisLayout(blobs)
        for place in members.indices {
            try guards[place].restore(from: &judged)
            let good = try Self.blob(BlobName.good(members[place].kind), in: blobs)
            try members[place].learner.restoreGood(good, hasRepeatHead: hasHeads)
            // What is written of an older state has to be written anew.
            writtenGoodPoints[place] = hasHeads ? members[place].learner.goodPoint : 0
        }
        var scored = ByteReader(try Self.blob(BlobName.quality, in: blobs))
        while !scored.isAtEnd {
            let model = try scored.readText()
            let count = Int(try scored.read(UInt32.self))
            guard 2 * count <= scored.remaining else { throw .truncated }
            var ranks: [UInt16] = []
            for _ in 0..<count { ranks.append(try scored.read(UInt16.self)) }
            if let place = scores.firstIndex(where: { $0.model == model }) { scores[place].restore(newest: ranks) }
        }
        guard judged.isAtEnd else { throw .inconsistent("the counts of the quality guards") }
    }

    /// Ends the restoring of the neighbours. Where none were kept they are counted from the sessions.
    mutating func restoreNeighbors(_ blobs: [String: [UInt8]]) throws(PayloadError) {
        var reader = ByteReader(try Self.blob(BlobName.neighbors, in: blobs))
        let count = Int(try reader.read(UInt32.self))
        guard yardsticks.neighbors != nil else { return }
        guard count > 0 else {
            recount { yardsticks, item, _, row, sequence in
                yardsticks.observeNeighbors(item, session: row, at: sequence)
            }
            return makeEverythingDue()
        }
        guard count - 1 <= sessions.capacity else { throw .inconsistent("the rows of neighbours") }
        yardsticks.neighbors?.finishRestoring(sessionCount: count - 1)
    }

    /// Counts again what followed what in the kept sessions: rules and neighbours go on from what is kept, not
    /// from what was counted before that.
    mutating func recountOrder() {
        recount { yardsticks, item, window, row, sequence in
            yardsticks.observeOrder(item, after: window, session: row, at: sequence)
        }
    }

    /// Hands over the kept events in the order in which they happened.
    private mutating func recount(
        _ observe: (inout Yardsticks, ItemIndex, _ window: [ItemIndex], _ row: Int, _ sequence: UInt64) -> Void
    ) {
        var events: [(sequence: UInt64, row: Int, place: Int)] = []
        for row in 0..<sessions.rowCount {
            let session = sessions[row]
            for (place, entry) in session.entries.enumerated() {
                // The whole count from its low half: an entry is no newer than the engine.
                let age = UInt64(UInt32(truncatingIfNeeded: sequence) &- entry.sequence)
                if age <= sequence { events.append((sequence - age, row, place)) }
            }
        }
        events.sort { $0.sequence < $1.sequence }
        let windowMax = windowMax
        for event in events {
            let entries = sessions[event.row].entries
            let known = entries[...event.place].suffix(windowMax + 1).filter { catalog.holds($0.item, since: $0.sequence) }
            guard let last = known.last, last == entries[event.place] else { continue }
            observe(&yardsticks, last.item, known.dropLast().map(\.item), event.row, event.sequence)
        }
    }

    static func blob(_ name: String, in blobs: [String: [UInt8]]) throws(PayloadError) -> [UInt8] {
        guard let blob = blobs[name] else { throw .missing(blob: name) }
        return blob
    }
}

extension NeuralMember {
    /// Takes over the dense tensors and the learner's counts and chance.
    func restore(_ blobs: [String: [UInt8]], hasRepeatHead: Bool) throws(PayloadError) {
        try learner.restoreTensors(hasRepeatHead: hasRepeatHead) { name, part throws(PayloadError) in
            try Engine.blob(Engine.BlobName.tensor(name, part), in: blobs)
        }
        var scalars = ByteReader(try Engine.blob(Engine.BlobName.learner(kind), in: blobs))
        learner.restore(
            version: try scalars.read(UInt64.self), generatorState: try scalars.read(UInt64.self),
            dropoutState: try scalars.read(UInt64.self), optimizerStep: Int(clamping: try scalars.read(UInt64.self)))
        replayedWindows = try scalars.read(UInt64.self)
    }
}
