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
    /// Rows of layout 1, and of the present one.
    private var (oldRows, newRows) = (0, 0)
    /// The largest item row that is named by what follows an item.
    private var largestNamed: ItemIndex = 0

    /// - Throws: `EngineError.stateMismatch` where the stored model is of another kind or width.
    public init(_ configuration: EngineConfiguration, stored: ModelDescription) throws(EngineError) {
        guard stored.encoder == configuration.modelName else {
            if let network = configuration.networkOfSameModel(stored) {
                throw .stateMismatch(
                    "its convolution is the \(network) network, the configuration asks for \(configuration.learner.convolution.network); set model.convolution to \(network), or name another state.directory"
                )
            }
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
        guard Int(item.index) == engine.catalog.count else {
            throw .stateInconsistent("item row \(item.index) is out of order")
        }
        guard engine.catalog.count < engine.catalog.capacity else {
            throw .stateMismatch(
                "it holds more items than model.max_items (\(engine.catalog.capacity)) allows; set it as high as it was, or name another state.directory")
        }
        do throws(PayloadError) {
            var reader = ByteReader(item.payload)
            let hasMoments = engine.hasMoments(item.payload)
            for member in engine.members {
                try member.learner.restoreItem(ItemIndex(item.index), from: &reader, hasMoments: hasMoments)
            }
            let arrival = try reader.read(UInt32.self)
            activity.append(try reader.read(UInt64.self))
            occurrences.append((try reader.read(UInt32.self), try reader.read(UInt32.self)))
            engine.catalog.append(item.id, movedIn: arrival)
            try addKept(ItemIndex(item.index), isOld: !Engine.isOfThisLayout(item.payload), &reader)
        } catch {
            throw .stateInconsistent("item \(item.id): \(error)")
        }
        for member in engine.members { try member.refreshItem(ItemIndex(item.index)) }
    }

    public mutating func add(_ user: UserRow) throws(EngineError) {
        var reader = ByteReader(user.payload)
        let row: Int
        do throws(PayloadError) { row = Int(try reader.read(UInt32.self)) } catch {
            throw .stateInconsistent("a user's row: \(error)")
        }
        guard row < engine.sessions.capacity else {
            throw .stateMismatch(
                "it holds more users than sessions.max_users (\(engine.sessions.capacity)) allows; set it as high as it was, or name another state.directory")
        }
        do throws(PayloadError) {
            let last = Int64(bitPattern: try reader.read(UInt64.self))
            let entries = try readEntries(&reader)
            let purchased = try readEntries(&reader)
            let home = try reader.read(Int32.self)
            guard engine.sessions.restore(user.id, row: row, placeholder: user.id) else {
                throw .inconsistent("row \(row) is taken twice")
            }
            engine.sessions[row].entries = entries.suffix(engine.sessions.lengthMax)
            engine.sessions[row].purchased = purchased.suffix(engine.sessions.lengthMax)
            engine.sessions[row].home = home
            engine.sessions[row].lastActive = user.lastActive
            let hasTime = reader.isAtEnd ? !entries.isEmpty : last != Engine.noTimestamp
            engine.sessions[row].lastTimestamp = hasTime ? Timestamp(milliseconds: last) : nil
            try addKept(userRow: row, lastActive: user.lastActive, &reader)
        } catch {
            throw .stateInconsistent("a user's row: \(error)")
        }
    }

    /// What layout 1 has not: the row as it last was good, and what the counting models keep of it.
    private mutating func addKept(
        _ item: ItemIndex, isOld: Bool, _ reader: inout ByteReader
    ) throws(PayloadError) {
        if isOld {
            oldRows += 1
        } else {
            newRows += 1
            for member in engine.members { try member.learner.restoreGood(item, from: &reader) }
            largestNamed = max(largestNamed, try engine.yardsticks.restore(item, from: &reader))
            // Whether there are moments, and the layout: read before.
            _ = try reader.read(UInt16.self)
        }
        guard reader.isAtEnd else { throw .inconsistent("it is too long") }
    }

    private mutating func addKept(userRow row: Int, lastActive: UInt64, _ reader: inout ByteReader) throws(PayloadError) {
        if reader.isAtEnd { return oldRows += 1 }
        newRows += 1
        for _ in 0..<(try reader.read(UInt8.self)) {
            let item = try reader.read(ItemIndex.self)
            guard (0..<engine.catalog.count).contains(Int(item)) else {
                throw .inconsistent("a ranking names item row \(item), which does not exist")
            }
            engine.sessions[row].ranking.append(item)
        }
        try engine.yardsticks.restore(
            session: row, newest: lastActive, itemCount: engine.catalog.count, from: &reader)
        guard reader.isAtEnd else { throw .inconsistent("it is too long") }
    }

    /// Restores what is not a row, and hands over the engine.
    public consuming func finish(
        blobs: [String: [UInt8]], offsets: [TopicPartition: Int64]
    ) throws(EngineError) -> Engine {
        for row in activity.indices.sorted(by: { (activity[$0], $0) < (activity[$1], $1) }) {
            engine.catalog.touch(ItemIndex(row), at: activity[row])
        }
        engine.watermarks = offsets
        try checkTemperature(blobs)
        do throws(PayloadError) {
            try engine.restore(blobs: blobs)
            try engine.restoreRows(blobs)
            try finishLayout(blobs)
        } catch {
            throw .stateInconsistent("\(error)")
        }
        for member in engine.members { try member.refreshEncoder() }
        return engine
    }

    /// Vectors are learned for the way in which they are compared: compared otherwise they are no good, and nobody would
    /// be told.
    private func checkTemperature(_ blobs: [String: [UInt8]]) throws(EngineError) {
        // A state of an older layout is from before cosines were the default.
        var stored: Float = 0
        do throws(PayloadError) {
            if try Engine.isStateOfThisLayout(blobs) {
                var reader = ByteReader(try Engine.blob(Engine.BlobName.temperature, in: blobs))
                stored = try reader.readFloat()
            }
        } catch {
            throw .stateInconsistent("\(error)")
        }
        let wanted = engine.configuration.learner.temperature ?? 0
        guard stored == wanted else {
            throw .stateMismatch(
                "it was learned with learning.temperature \(stored), the configuration asks for \(wanted); set learning.temperature to \(stored), or name another state.directory"
            )
        }
    }

    /// Restores what the layout of the state has.
    private mutating func finishLayout(_ blobs: [String: [UInt8]]) throws(PayloadError) {
        guard let written = blobs[Engine.BlobName.layout] else {
            guard newRows == 0 else { throw .missing(blob: Engine.BlobName.layout) }
            try engine.restorePopularity(blobs, occurrences: occurrences)
            engine.recountOrder()
            // The way back is as long as this process is old.
            for member in engine.members { member.markGood() }
            _ = engine.changes.takeAll()
            return engine.makeEverythingDue()
        }
        var reader = ByteReader(written)
        let layout = try reader.read(UInt32.self)
        guard (Engine.layout...Engine.stateLayout).contains(layout), oldRows == 0 else { throw .inconsistent("rows of layout \(layout) and others") }
        guard newRows == 0 || Int(largestNamed) < engine.catalog.count else {
            throw .inconsistent("item row \(largestNamed) follows another, and does not exist")
        }
        try engine.restorePopularity(blobs, occurrences: occurrences)
        _ = engine.changes.takeAll()
        try engine.restoreScoring(blobs)
        try engine.restoreNeighbors(blobs)
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
