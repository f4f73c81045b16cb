internal import Checkpoints
internal import Learning
internal import SequenceModels

/// What a checkpoint keeps of the counting models, with the rows that it is about.
extension Yardsticks {
    /// Of an item: what follows it in one step, then in ten, each count and then item and weight; whether
    /// neighbours are kept, and where they are how many sessions ever touched it, and the newest of them.
    func write(_ item: ItemIndex, to writer: inout ByteWriter) {
        for kept in [transitions.kept(of: item), rules.kept(of: item)] {
            writer.write(UInt16(kept.count))
            for successor in kept {
                writer.write(successor.item)
                writer.write(successor.weight)
            }
        }
        writer.write(UInt8(neighbors == nil ? 0 : 1))
        guard let neighbors else { return }
        writer.write(neighbors.occurrences(of: item))
        let postings = neighbors.postings(of: item)
        writer.write(UInt16(postings.count))
        for posting in postings {
            writer.write(posting.session)
            writer.write(posting.generation)
        }
    }

    /// Takes over what ``write(_:to:)`` wrote of an item.
    ///
    /// - Returns: the largest item row that is named; it must exist in the end.
    mutating func restore(_ item: ItemIndex, from reader: inout ByteReader) throws(PayloadError) -> ItemIndex {
        let following = (try successors(&reader), try successors(&reader))
        transitions.restore(following.0, of: item)
        rules.restore(following.1, of: item)
        if try reader.read(UInt8.self) != 0 {
            let occurrences = try reader.read(UInt32.self)
            var postings: [SessionNeighbors.Posting] = []
            for _ in 0..<(try reader.read(UInt16.self)) {
                postings.append(
                    .init(session: try reader.read(Int32.self), generation: try reader.read(UInt32.self)))
            }
            neighbors?.restore(item: item, occurrences: occurrences, postings: postings)
        }
        return (following.0 + following.1).reduce(0) { max($0, $1.item) }
    }

    private func successors(_ reader: inout ByteReader) throws(PayloadError) -> [SequentialRules.Successor] {
        var successors: [SequentialRules.Successor] = []
        for _ in 0..<(try reader.read(UInt16.self)) {
            let successor = SequentialRules.Successor(
                item: try reader.read(ItemIndex.self), weight: try reader.readFloat())
            guard successor.item >= 0, successor.weight.isFinite else { throw .inconsistent("what follows an item") }
            successors.append(successor)
        }
        return successors
    }

    /// Of a session: whether the neighbours remember it, when it began, its items.
    func write(session row: Int, to writer: inout ByteWriter) {
        guard let kept = neighbors?.kept(ofSession: row) else { return writer.write(UInt8(0)) }
        writer.write(UInt8(1))
        writer.write(kept.generation)
        writer.write(UInt16(kept.items.count))
        for item in kept.items { writer.write(item) }
    }

    mutating func restore(
        session row: Int, newest: UInt64, itemCount: Int, from reader: inout ByteReader
    ) throws(PayloadError) {
        guard try reader.read(UInt8.self) != 0 else { return }
        let generation = try reader.read(UInt32.self)
        var items: [ItemIndex] = []
        for _ in 0..<(try reader.read(UInt16.self)) {
            let item = try reader.read(ItemIndex.self)
            guard (0..<itemCount).contains(Int(item)) else {
                throw .inconsistent("a neighbour has item row \(item), which does not exist")
            }
            items.append(item)
        }
        neighbors?.restore(session: row, generation: generation, items: items, newest: newest)
    }

    /// The rows of the sessions that remember an item: what changes with it.
    func sessions(of item: ItemIndex) -> [Int] {
        guard let neighbors else { return [] }
        return neighbors.postings(of: item).filter(neighbors.isPresent).map { Int($0.session) }
    }
}
