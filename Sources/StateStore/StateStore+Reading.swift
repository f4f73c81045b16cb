public import Checkpoints
public import Events
internal import GRDB

extension StateStore {
    /// What the state is of; nil where no checkpoint was written yet.
    public func modelDescription() throws(StateStoreError) -> ModelDescription? {
        try read { database in
            try Row.fetchOne(database, sql: "SELECT encoder, dimensions, version FROM model").map(ModelDescription.init)
        }
    }

    /// Hands over the item rows in the order of their places.
    public func forEachItem(_ body: (ItemRow) throws -> Void) throws(StateStoreError) {
        try read { database in
            try StateFile.forEachItem(database, directory: directory) { place, id, payload in
                guard let id = Self.text(id).flatMap(ItemID.init), let index = UInt32(exactly: place) else {
                    throw damage("an item row has no valid id")
                }
                try body(ItemRow(index: index, id: id, payload: payload))
            }
        }
    }

    /// Hands over the users, in no order that means anything.
    public func forEachUser(_ body: (UserRow) throws -> Void) throws(StateStoreError) {
        try read { database in
            try StateFile.forEachUser(database, directory: directory) { id, lastActive, payload in
                guard let id = Self.text(id).flatMap(UserID.init) else { throw damage("a user row has no valid id") }
                try body(UserRow(id: id, lastActive: UInt64(bitPattern: lastActive), payload: payload))
            }
        }
    }

    public func blobs() throws(StateStoreError) -> [String: [UInt8]] {
        try read { database in
            var blobs: [String: [UInt8]] = [:]
            try StateFile.forEachBlob(database, directory: directory) { blobs[$0] = $1 }
            return blobs
        }
    }

    /// For each partition, the next offset to learn from.
    public func offsets() throws(StateStoreError) -> [TopicPartition: Int64] {
        let offsets = try storedOffsets()
        guard offsets.allSatisfy({ $0.key.partition >= 0 && $0.value >= 0 }) else {
            throw damage("an offset or a partition is negative")
        }
        return offsets
    }

    private func storedOffsets() throws(StateStoreError) -> [TopicPartition: Int64] {
        try read { database in
            let rows = try Row.fetchAll(database, sql: "SELECT topic, partition, next FROM offset")
            return Dictionary(
                try rows.map { row in (try TopicPartition(row), try row.decode(Int64.self, atIndex: 2)) },
                uniquingKeysWith: { first, _ in first })
        }
    }

    /// From where partitions are to be learned once their sessions are back, after a recovery to a generation from
    /// before they came; empty where there was none.
    ///
    /// - Throws: where the file that says so cannot be read.
    public func unlearned() throws(StateStoreError) -> [TopicPartition: Int64] {
        let known = try offsets()
        let starts: ReadingStarts
        do { starts = try ReadingStarts(directory: directory) } catch {
            throw StateStoreError(error, .reading, directory: directory)
        }
        let unlearned = starts.starts.filter { $0.isRecovered == true && known[$0.place] == nil }
        return Dictionary(unlearned.map { ($0.place, $0.next) }, uniquingKeysWith: min)
    }

    private static func text(_ bytes: [UInt8]) -> String? { String(validating: bytes, as: UTF8.self) }

    /// What to throw where a row was read that makes no sense.
    public func damage(_ reason: String) -> StateStoreError { StateFile.damage(reason, directory: directory) }

    /// - Throws: what `body` throws as a `StateStoreError` as it is, anything else as damage: a row that
    ///   nobody can read is one.
    private func read<Value>(_ body: (Database) throws -> Value) throws(StateStoreError) -> Value {
        do {
            return try withDatabase(body)
        } catch {
            throw StateStoreError(error, .reading, directory: directory)
        }
    }
}
