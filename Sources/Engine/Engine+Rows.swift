internal import Checkpoints
internal import Events
internal import Learning
internal import SequenceModels
internal import Tensors

// D = hidden width

/// The engine's layout of a row. Item payload: for each neural model vector [D], bias, two accumulators, and where
/// the optimizer of rows has them its moments; then arrival, last activity, occurrences, halvings seen; for each
/// neural model the row as it last was good; what the counting models keep of it; whether there are moments; the
/// layout. User payload: row, time of the newest event, entries, then purchases, each item,
/// sequence, type and gap; the partition they came from; the ranking that the next event scores; what the
/// neighbours keep of it.
///
/// Layout 1 ended with the halvings, whose highest byte is no layout, and with the partition.
extension Engine {
    /// Layout of the rows.
    static let layout: UInt32 = 2
    /// Layout of the whole state: 3 has what 2 has, the encoders' repeat heads, and the temperature that it was learned
    /// with. One without a number is of layout 1.
    static let stateLayout: UInt32 = 3

    static func isStateOfThisLayout(_ blobs: [String: [UInt8]]) throws(PayloadError) -> Bool {
        guard let written = blobs[BlobName.layout] else { return false }
        var reader = ByteReader(written)
        return try reader.read(UInt32.self) >= stateLayout
    }

    /// Stands for no time; a time of an event is never this far off.
    static let noTimestamp = Int64.min

    /// - Parameter halvings: of the popularity counts, as of when the row is to be; the last one at most is left out.
    func row(ofItem item: ItemIndex, halvings: UInt32) -> ItemRow {
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
        let isOfNow = halvings == yardsticks.popularity.halvings
        writer.write(
            isOfNow ? yardsticks.popularity.count(of: item) : yardsticks.popularity.countBeforeHalving(of: item))
        writer.write(halvings)
        for member in members { member.learner.writeGood(item, to: &writer) }
        yardsticks.write(item, to: &writer)
        let hasMoments = members.first?.learner.moments(of: item) != nil
        writer.write(UInt8(hasMoments ? 1 : 0))
        writer.write(UInt8(truncatingIfNeeded: Self.layout))
        return ItemRow(index: UInt32(index), id: catalog.id(of: item), payload: writer.bytes)
    }

    /// nil where nobody has the row.
    func row(ofUser row: Int) -> UserRow? {
        let session = sessions[row]
        guard sessions.row(of: session.user) == row else { return nil }
        var writer = ByteWriter(reserving: 10 * (session.entries.count + session.purchased.count) + 20)
        writer.write(UInt32(row))
        writer.write(UInt64(bitPattern: session.lastTimestamp?.milliseconds ?? Self.noTimestamp))
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
        writer.write(UInt8(session.ranking.count))
        for item in session.ranking { writer.write(item) }
        yardsticks.write(session: row, to: &writer)
        return UserRow(id: session.user, lastActive: session.lastActive, payload: writer.bytes)
    }
}

extension Engine {
    /// Whether an item's payload is of the layout that is written now.
    static func isOfThisLayout(_ payload: [UInt8]) -> Bool { payload.last == UInt8(truncatingIfNeeded: layout) }

    /// Whether an item's payload has the moments of the optimizer of rows.
    func hasMoments(_ payload: [UInt8]) -> Bool {
        if Self.isOfThisLayout(payload), payload.count > 1 { return payload[payload.count - 2] != 0 }
        let values = configuration.learner.dimensions + 3 + RowMoments.count(dimensions: configuration.learner.dimensions)
        return payload.count == 4 * members.count * values + 20
    }
}
