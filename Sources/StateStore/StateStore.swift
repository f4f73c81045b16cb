public import Checkpoints
internal import Events
internal import Foundation
internal import GRDB

/// Durable state in one directory: a SQLite database in which a checkpoint and the offsets it stands
/// for are one transaction. Whatever moment the process dies at, what is there is one whole checkpoint.
///
/// The write-ahead log is synced at each commit (`synchronous = FULL`): a checkpoint that was
/// reported as written survives a power cut. Checkpoints are seconds apart, so the sync costs nothing.
public final class StateStore: Sendable {
    private let lock: DirectoryLock
    private let database: DatabaseQueue
    public let directory: String

    static let fileName = "state.sqlite"

    /// Opens the state in `directory`, which is made where it is missing.
    ///
    /// A file that is damaged, or not ours, or of a newer format, is refused and left as it is.
    public init(directory: String) throws(StateStoreError) {
        self.directory = directory
        lock = try DirectoryLock(directory: directory)
        let path = directory + "/" + Self.fileName
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
        }
        do {
            database = try DatabaseQueue(path: path, configuration: configuration)
            try database.read { database in try Self.check(database, directory: directory) }
            try Schema.migrator.migrate(database)
        } catch let error as StateStoreError {
            throw error
        } catch {
            throw .damaged(path: directory, reason: Self.reason(error))
        }
    }

    /// Refuses what is not a whole state file of a format that is known.
    private static func check(_ database: Database, directory: String) throws {
        let isEmpty = try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM sqlite_schema") == 0
        guard !isEmpty else { return }
        guard try Int.fetchOne(database, sql: "PRAGMA application_id") == Schema.applicationID else {
            throw StateStoreError.damaged(path: directory, reason: "\(fileName) is not a freshet state file")
        }
        let format = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard format <= Schema.format else { throw StateStoreError.formatTooNew(path: directory, format: format) }
        let verdict = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? "no answer"
        guard verdict == "ok" else { throw StateStoreError.damaged(path: directory, reason: verdict) }
    }

    /// Writes a checkpoint: all of it, or on any error nothing. Durable on return.
    public func write(_ checkpoint: Checkpoint) throws(StateStoreError) {
        do {
            try database.write { database in try Self.write(checkpoint, to: database) }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
            throw .diskFull(path: directory)
        } catch {
            throw .writeFailed(path: directory, reason: Self.reason(error))
        }
    }

    private static func write(_ checkpoint: Checkpoint, to database: Database) throws {
        let model = checkpoint.model
        try database.execute(
            sql: "INSERT OR REPLACE INTO model VALUES (1, ?, ?, ?)",
            arguments: [model.encoder, model.dimensions, Int64(bitPattern: model.modelVersion)])
        let item = try database.makeStatement(sql: "INSERT OR REPLACE INTO item VALUES (?, ?, ?)")
        for row in checkpoint.items {
            try item.execute(arguments: [Int64(row.index), Data(row.id.text.utf8), Data(row.payload)])
        }
        let removal = try database.makeStatement(sql: "DELETE FROM user WHERE id = ?")
        for user in checkpoint.removedUsers { try removal.execute(arguments: [Data(user.text.utf8)]) }
        let user = try database.makeStatement(sql: "INSERT OR REPLACE INTO user VALUES (?, ?, ?)")
        for row in checkpoint.users {
            try user.execute(arguments: [Data(row.id.text.utf8), Int64(bitPattern: row.lastActive), Data(row.payload)])
        }
        for (name, payload) in checkpoint.blobs {
            try database.execute(sql: "INSERT OR REPLACE INTO blob VALUES (?, ?)", arguments: [name, Data(payload)])
        }
        for (place, next) in checkpoint.offsets {
            try database.execute(
                sql: "INSERT OR REPLACE INTO offset VALUES (?, ?, ?)",
                arguments: [place.topic, place.partition, next])
        }
    }

    func withDatabase<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try database.read(body)
    }

    static func reason(_ error: any Error) -> String {
        (error as? DatabaseError)?.message ?? "\(error)"
    }
}
