public import Checkpoints
public import Events
internal import Foundation
internal import GRDB

extension StateStore {
    /// What the state is of; nil where no checkpoint was written yet.
    public func modelDescription() throws(StateStoreError) -> ModelDescription? {
        try read { database in
            try Row.fetchOne(database, sql: "SELECT encoder, dimensions, version FROM model").map { row in
                ModelDescription(
                    encoder: row["encoder"], dimensions: row["dimensions"],
                    modelVersion: UInt64(bitPattern: row["version"]))
            }
        }
    }

    /// Hands over the item rows in the order of their places.
    public func forEachItem(_ body: (ItemRow) throws -> Void) throws(StateStoreError) {
        try read { database in
            let rows = try Row.fetchCursor(database, sql: "SELECT place, id, payload FROM item ORDER BY place")
            while let row = try rows.next() {
                guard let id = Self.text(row["id"]).flatMap(ItemID.init), let index = UInt32(exactly: row["place"] as Int64) else {
                    throw StateStoreError.damaged(path: directory, reason: "an item row has no valid id")
                }
                let payload: Data = row["payload"]
                try body(ItemRow(index: index, id: id, payload: Array(payload)))
            }
        }
    }

    /// Hands over the users, the least recently active first.
    public func forEachUser(_ body: (UserRow) throws -> Void) throws(StateStoreError) {
        try read { database in
            let rows = try Row.fetchCursor(
                database, sql: "SELECT id, last_active, payload FROM user ORDER BY last_active, id")
            while let row = try rows.next() {
                guard let id = Self.text(row["id"]).flatMap(UserID.init) else {
                    throw StateStoreError.damaged(path: directory, reason: "a user row has no valid id")
                }
                let payload: Data = row["payload"]
                try body(
                    UserRow(id: id, lastActive: UInt64(bitPattern: row["last_active"]), payload: Array(payload)))
            }
        }
    }

    public func blobs() throws(StateStoreError) -> [String: [UInt8]] {
        try read { database in
            let rows = try Row.fetchAll(database, sql: "SELECT name, payload FROM blob")
            return Dictionary(
                rows.map { row in
                    let payload: Data = row["payload"]
                    return (row["name"] as String, Array(payload))
                }, uniquingKeysWith: { first, _ in first })
        }
    }

    /// For each partition, the next offset to learn from.
    public func offsets() throws(StateStoreError) -> [TopicPartition: Int64] {
        try read { database in
            let rows = try Row.fetchAll(database, sql: "SELECT topic, partition, next FROM offset")
            return Dictionary(
                rows.map { row in
                    (TopicPartition(topic: row["topic"], partition: row["partition"]), row["next"] as Int64)
                }, uniquingKeysWith: { first, _ in first })
        }
    }

    private static func text(_ bytes: Data) -> String? { String(validating: bytes, as: UTF8.self) }

    /// - Throws: what `body` throws as a `StateStoreError` as it is, anything else as damage: a row that
    ///   nobody can read is one.
    private func read<Value>(_ body: (Database) throws -> Value) throws(StateStoreError) -> Value {
        do {
            return try withDatabase(body)
        } catch let error as StateStoreError {
            throw error
        } catch {
            throw .damaged(path: directory, reason: Self.reason(error))
        }
    }
}
