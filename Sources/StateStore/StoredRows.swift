internal import Checkpoints
internal import Events
internal import GRDB

// Rows as values. A damaged tree can hand over anything, NULL where the table forbids it too, so nothing is
// read by GRDB's subscripts, which trap on it.

extension Row {
    /// - Throws: where no blob stands there.
    func bytes(at index: Int) throws -> [UInt8] { try decode(StoredBytes.self, atIndex: index).bytes }
}

extension ModelDescription {
    /// - Parameter row: encoder, dimensions, version.
    init(_ row: Row) throws {
        self.init(
            encoder: try row.decode(atIndex: 0), dimensions: try row.decode(atIndex: 1),
            modelVersion: UInt64(bitPattern: try row.decode(Int64.self, atIndex: 2)))
    }
}

extension TopicPartition {
    /// - Parameter row: topic, partition, and what else stands behind them.
    init(_ row: Row) throws {
        self.init(topic: try row.decode(atIndex: 0), partition: try row.decode(atIndex: 1))
    }
}
