public import Checkpoints
public import Events
internal import Learning
internal import SequenceModels
internal import Serving
internal import Tensors

/// Rebuilds an engine from a stored state, a row at a time, so that a large state is never held twice.
///
/// Items come in the order of their rows, before the users, who come in any; `finish` comes last and hands
/// the engine over.
public struct EngineRestorer: ~Copyable {
    private var engine: Engine
    private var occurrences: [(count: UInt32, halvings: UInt32)] = []
    private var activity: [UInt64] = []
    /// Stands in rows that nobody has.
    private var lastUser: UserID?

    /// - Throws: `EngineError.stateMismatch` where the stored model is of another kind or width.
    public init(_ configuration: EngineConfiguration, stored: ModelDescription) throws(EngineError) {
        guard stored.encoder == configuration.modelName else {
            throw .stateMismatch(
                "it holds a model of encoder \(stored.encoder), the configuration asks for \(configuration.modelName); set model.encoder and model.members to what it holds, or name another state.directory"
            )
        }
        guard stored.dimensions == configuration.learner.dimensions else {
            throw .stateMismatch(
                "its vectors are \(stored.dimensions) wide, the configuration asks for \(configuration.learner.dimensions); set model.dimensions to \(stored.dimensions), or name another state.directory"
            )
        }
        engine = try Engine(configuration)
    }

    public mutating func add(_ item: ItemRow) throws(EngineError) {
        guard Int(item.index) == engine.catalog.count, engine.catalog.count < engine.catalog.capacity else {
            throw .stateMismatch(
                "item row \(item.index) is out of order or beyond model.max_items (\(engine.catalog.capacity))")
        }
        do throws(PayloadError) {
            var reader = ByteReader(item.payload)
            let hasMoments = item.payload.count == engine.itemBytes(withMoments: true)
            for member in engine.members {
                try member.learner.restoreItem(ItemIndex(item.index), from: &reader, hasMoments: hasMoments)
            }
            let arrival = try reader.read(UInt32.self)
            activity.append(try reader.read(UInt64.self))
            occurrences.append((try reader.read(UInt32.self), try reader.read(UInt32.self)))
            engine.catalog.append(item.id, movedIn: arrival)
        } catch {
            throw .stateMismatch("item \(item.id): \(error)")
        }
        for member in engine.members { try member.refreshItem(ItemIndex(item.index)) }
    }

    public mutating func add(_ user: UserRow) throws(EngineError) {
        do throws(PayloadError) {
            var reader = ByteReader(user.payload)
            let row = Int(try reader.read(UInt32.self))
            guard row < engine.sessions.capacity else {
                throw .inconsistent("row \(row) is beyond sessions.max_users (\(engine.sessions.capacity))")
            }
            let last = Int64(bitPattern: try reader.read(UInt64.self))
            let entries = try readEntries(&reader)
            let purchased = try readEntries(&reader)
            let home = try reader.read(Int32.self)
            guard engine.sessions.restore(user.id, row: row, placeholder: user.id) else {
                throw .inconsistent("row \(row) is taken twice")
            }
            lastUser = user.id
            engine.sessions[row].entries = entries.suffix(engine.sessions.lengthMax)
            engine.sessions[row].purchased = purchased.suffix(engine.sessions.lengthMax)
            engine.sessions[row].home = home
            engine.sessions[row].lastActive = user.lastActive
            engine.sessions[row].lastTimestamp = entries.isEmpty ? nil : Timestamp(milliseconds: last)
        } catch {
            throw .stateMismatch("user \(user.id): \(error)")
        }
    }

    /// Restores what is not a row, and hands over the engine.
    public consuming func finish(
        blobs: [String: [UInt8]], offsets: [TopicPartition: Int64]
    ) throws(EngineError) -> Engine {
        do throws(PayloadError) {
            try engine.restore(blobs: blobs, occurrences: occurrences)
            try engine.restoreRows(blobs, placeholder: lastUser)
        } catch {
            throw .stateMismatch("\(error)")
        }
        for row in activity.indices.sorted(by: { (activity[$0], $0) < (activity[$1], $1) }) {
            engine.catalog.touch(ItemIndex(row), at: activity[row])
        }
        engine.watermarks = offsets
        engine.recountOrder()
        for member in engine.members { try member.refreshEncoder() }
        _ = engine.changes.takeAll()
        return engine
    }

    private func readEntries(_ reader: inout ByteReader) throws(PayloadError) -> [Session.Entry] {
        let count = Int(try reader.read(UInt32.self))
        guard count * 10 <= reader.remaining else { throw .truncated }
        var entries: [Session.Entry] = []
        entries.reserveCapacity(count)
        for _ in 0..<count {
            let item = try reader.read(ItemIndex.self)
            let sequence = try reader.read(UInt32.self)
            guard (0..<engine.catalog.count).contains(Int(item)) else {
                throw .inconsistent("a session names item row \(item), which does not exist")
            }
            let type = try reader.read(UInt8.self)
            let gap = try reader.read(UInt8.self)
            guard Int(type) < SessionEvent.typesMax, Int(gap) < SessionEvent.gapsMax else {
                throw .inconsistent("a session has an event of type \(type) and gap \(gap)")
            }
            entries.append(Session.Entry(item: item, sequence: sequence, type: type, gap: gap))
        }
        return entries
    }
}

extension Engine {
    fileprivate mutating func restore(
        blobs: [String: [UInt8]], occurrences: [(count: UInt32, halvings: UInt32)]
    ) throws(PayloadError) {
        for member in members { try member.restore(blobs) }
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

        var popularity = ByteReader(try Self.blob(BlobName.popularity, in: blobs))
        let untilHalving = Int(clamping: try popularity.read(UInt64.self))
        let halvings = try popularity.read(UInt32.self)
        var blended = ByteReader(try Self.blob(BlobName.blend, in: blobs))
        var values: [Float] = []
        while !blended.isAtEnd { values.append(try blended.readFloat()) }
        guard let restored = Blend(values: values) else { throw .inconsistent("the weights of the blend") }
        blend = restored
        // A row stored before a halving has not been halved: do now what was done then.
        let counts = occurrences.map { row in row.count >> min(31, halvings &- row.halvings) }
        yardsticks.restorePopularity(counts: counts, eventsUntilHalving: untilHalving, halvings: halvings)
    }

    fileprivate mutating func restoreRows(
        _ blobs: [String: [UInt8]], placeholder: UserID?
    ) throws(PayloadError) {
        var rows = ByteReader(try Self.blob(BlobName.sessions, in: blobs))
        let count = Int(try rows.read(UInt32.self))
        var vacant: [Int32] = []
        while !rows.isAtEnd { vacant.append(try rows.read(Int32.self)) }
        guard let placeholder else {
            // Without any user there is nothing to replay: rows begin anew.
            return
        }
        guard sessions.finishRestoring(vacant: vacant, rowCount: count, placeholder: placeholder) else {
            throw .inconsistent("the rows of sessions")
        }
    }

    /// Counts again what followed what in the kept sessions, in the order in which it happened: rules and
    /// neighbours go on from what is kept, not from what was counted before that.
    fileprivate mutating func recountOrder() {
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
            yardsticks.observeOrder(
                last.item, after: known.dropLast().map(\.item), session: event.row, at: event.sequence)
        }
    }

    static func blob(_ name: String, in blobs: [String: [UInt8]]) throws(PayloadError) -> [UInt8] {
        guard let blob = blobs[name] else { throw .missing(blob: name) }
        return blob
    }
}

extension NeuralMember {
    /// Takes over the dense tensors and the learner's counts and chance.
    fileprivate func restore(_ blobs: [String: [UInt8]]) throws(PayloadError) {
        try learner.restoreTensors { name, part throws(PayloadError) in
            try Engine.blob(Engine.BlobName.tensor(name, part), in: blobs)
        }
        var scalars = ByteReader(try Engine.blob(Engine.BlobName.learner(kind), in: blobs))
        learner.restore(
            version: try scalars.read(UInt64.self), generatorState: try scalars.read(UInt64.self),
            dropoutState: try scalars.read(UInt64.self), optimizerStep: Int(clamping: try scalars.read(UInt64.self)))
        replayedWindows = try scalars.read(UInt64.self)
    }
}
