public import Checkpoints
internal import Events
internal import Foundation
internal import GRDB

/// Durable state in one directory: a SQLite database in which a checkpoint and the offsets it stands
/// for are one transaction. Whatever moment the process dies at, what is there is one whole checkpoint.
///
/// The write-ahead log is synced at each commit (`synchronous = FULL`): a checkpoint that was
/// reported as written survives a power cut. Checkpoints are seconds apart, so the sync costs nothing.
///
/// Every row carries a checksum that is verified whenever the row is read, and `state.previous.sqlite`
/// beside the file is a whole, verified state from some minutes before (`keepGeneration`).
///
/// What is deleted is overwritten (`secure_delete`), and the log is emptied after each checkpoint: a user who was
/// forgotten is in no byte of the file after the checkpoint that says so.
public final class StateStore: Sendable {
    /// How the state is held open.
    private enum Access: Sendable {
        /// By the one process that writes it, which keeps the lock as long as the store.
        case writing(DatabaseQueue)
        case reading(ReadingDatabase)
    }

    /// Kept as long as the store where it was opened for writing.
    private let lock: DirectoryLock?
    private let access: Access
    public let directory: String

    public static let fileName = "state.sqlite"

    /// Opens the state in `directory` for the one process that writes it; the directory is made where it is
    /// missing.
    ///
    /// A file that is damaged, or not ours, or of a newer format, is refused and left as it is. One of an
    /// older format is kept as the previous generation, then brought up to date.
    public init(directory: String) throws(StateStoreError) {
        self.directory = directory
        lock = try DirectoryLock(directory: directory)
        try StateFile.checkPresence(directory: directory)
        let database: DatabaseQueue
        do { database = try Self.open(directory) } catch {
            throw StateStoreError(error, .opening, directory: directory)
        }
        do { try Self.prepare(database, directory) } catch {
            throw StateStoreError(error, .opening, directory: directory, systemError: database.unsafeRead { $0.systemError })
        }
        access = .writing(database)
    }

    private static func open(_ directory: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        // Whoever reads beside it, as `freshet inspect` does, holds up the change of a recovered file to a log.
        configuration.busyMode = .timeout(ReadingDatabase.waitingTimeout)
        configuration.prepareDatabase { database in
            try database.execute(
                sql: """
                    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                    PRAGMA secure_delete = ON
                    """)
        }
        return try DatabaseQueue(path: directory + "/" + fileName, configuration: configuration)
    }

    private static func prepare(_ database: DatabaseQueue, _ directory: String) throws {
        let format = try database.read { database in
            let format = try StateFile.format(of: database, directory: directory)
            if format != nil { try StateFile.checkStructure(database, directory: directory) }
            return format
        }
        if let format, format < Schema.format {
            try Generations.copy(from: database, directory: directory, isVerified: false)
        }
        try Schema.migrator.migrate(database)
        try database.read { database in try StateFile.checkSeal(database, directory: directory) }
        // What a crash left of a copy holds users as they were then.
        try Generations.removeUnfinishedCopy(in: directory)
    }

    /// Opens a state for reading only, beside a daemon that may be writing it: each reading sees one whole
    /// checkpoint. The directory need not be writable.
    ///
    /// - Throws: `StateStoreError.nothingThere` where no state is; for a file of an older format too.
    public init(reading directory: String) throws(StateStoreError) {
        self.directory = directory
        lock = nil
        guard try StateFile.isThere(StateStore.fileName, in: directory) else {
            throw Generations.isKept(in: directory) ? .missing(path: directory) : .nothingThere(path: directory)
        }
        try StateFile.checkPresence(directory: directory)
        do {
            let database = try ReadingDatabase(Self.fileName, directory: directory)
            access = .reading(database)
            try database.read { database in
                let format = try StateFile.format(of: database, directory: directory)
                guard format == Schema.format else {
                    throw StateStoreError.formatTooOld(path: directory, format: format ?? 0)
                }
                try StateFile.checkSeal(database, directory: directory)
            }
        } catch {
            throw StateStoreError(error, .reading, directory: directory)
        }
    }

    /// Writes a checkpoint: all of it, or on any error nothing. Durable on return.
    ///
    /// - Returns: whether the log is empty; it is not while somebody reads beside, and is after the next one then.
    @discardableResult
    public func write(_ checkpoint: Checkpoint) throws(StateStoreError) -> Bool {
        guard case .writing(let database) = access else {
            throw .directoryUnusable(path: directory, reason: "it is open for reading only")
        }
        do {
            try database.write { database in try write(checkpoint, to: database) }
        } catch {
            // SQLite says that it could not write, the connection knows why.
            let code = database.unsafeRead { $0.systemError }
            throw StateStoreError(error, .writing, directory: directory, systemError: code)
        }
        return emptyLog(database)
    }

    /// Empties the log, where a checkpoint could not because somebody was reading beside.
    func emptyLog() {
        if case .writing(let database) = access { _ = emptyLog(database) }
    }

    /// Moves the log into the file and cuts it off, where nobody reads it. What it holds is of no more use, and may be
    /// of users who were forgotten. What fails here is tried again after the next checkpoint: this one is durable.
    private func emptyLog(_ database: DatabaseQueue) -> Bool {
        let emptied = try? database.writeWithoutTransaction { database in
            // Nobody is waited for.
            try database.execute(sql: "PRAGMA busy_timeout = 0")
            defer { try? database.execute(sql: "PRAGMA busy_timeout = \(Int(ReadingDatabase.waitingTimeout * 1000))") }
            try database.checkpoint(.truncate)
            return true
        }
        return emptied ?? false
    }

    private func write(_ checkpoint: Checkpoint, to database: Database) throws {
        let model = checkpoint.model
        try database.execute(
            sql: "INSERT OR REPLACE INTO model VALUES (1, ?, ?, ?)",
            arguments: [model.encoder, model.dimensions, Int64(bitPattern: model.modelVersion)])
        let item = try database.makeStatement(sql: "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?)")
        // In the order of the file, so that each of its pages is read and written once: they came in that of the events.
        for row in checkpoint.items.sorted(by: { $0.index < $1.index }) {
            let (place, id) = (Int64(row.index), Array(row.id.text.utf8))
            let checksum = RowChecksums.item(place: place, id: id, payload: row.payload)
            try item.execute(arguments: [place, Data(id), Int64(bitPattern: checksum.value), Data(row.payload)])
        }
        if checkpoint.replacesUsers { try database.execute(sql: "DELETE FROM user") }
        let removal = try database.makeStatement(sql: "DELETE FROM user WHERE id = ?")
        for user in checkpoint.removedUsers { try removal.execute(arguments: [Data(user.text.utf8)]) }
        let user = try database.makeStatement(sql: "INSERT OR REPLACE INTO user VALUES (?, ?, ?, ?)")
        for row in checkpoint.users.sorted(by: { $0.id.text < $1.id.text }) {
            let (id, lastActive) = (Array(row.id.text.utf8), Int64(bitPattern: row.lastActive))
            let checksum = RowChecksums.user(id: id, lastActive: lastActive, payload: row.payload)
            try user.execute(arguments: [Data(id), lastActive, Int64(bitPattern: checksum.value), Data(row.payload)])
        }
        for (name, payload) in checkpoint.blobs {
            let checksum = RowChecksums.blob(name: name, payload: payload)
            try database.execute(
                sql: "INSERT OR REPLACE INTO blob VALUES (?, ?, ?)",
                arguments: [name, Int64(bitPattern: checksum.value), Data(payload)])
        }
        try ReadingStarts.note(checkpoint.beginnings, arrivals: checkpoint.arrivals, notIn: database, directory: directory)
        // A partition that went to another instance is covered by this state no more.
        try database.execute(sql: "DELETE FROM offset")
        for (place, next) in checkpoint.offsets {
            try database.execute(
                sql: "INSERT OR REPLACE INTO offset VALUES (?, ?, ?)",
                arguments: [place.topic, place.partition, next])
        }
        try Seal.renew(in: database, written: Date())
    }

    /// Copies the newest checkpoint to `state.previous.sqlite`, verifies the copy row by row, and only then
    /// lets it take the place of the one that was there. Checkpoints can be written meanwhile; the disk needs
    /// room for one more state.
    public func keepGeneration() throws(StateStoreError) {
        do {
            let reader = try ReadingDatabase(Self.fileName, directory: directory)
            try Generations.copy(from: reader.queue, directory: directory, isVerified: true)
        } catch {
            throw StateStoreError(error, .writing, directory: directory)
        }
    }

    func withDatabase<Value>(_ body: (Database) throws -> Value) throws -> Value {
        switch access {
        case .writing(let database): try database.read(body)
        case .reading(let database): try database.read(body)
        }
    }
}
