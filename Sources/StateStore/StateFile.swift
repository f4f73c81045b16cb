internal import Checkpoints
internal import Foundation
internal import Glibc
internal import GRDB

/// Whether a file is a whole state of a known format.
enum StateFile {
    /// Bytes that SQLite takes for an empty database.
    private static let headerBytes = 512

    /// Whether a file of the directory is there.
    ///
    /// - Throws: where the system does not say so.
    static func isThere(_ name: String, in directory: String) throws(StateStoreError) -> Bool {
        var status = stat()
        if unsafe stat(directory + "/" + name, &status) == 0 { return true }
        guard errno == ENOENT || errno == ENOTDIR else {
            throw StateStoreError(errno: errno, .reading, directory: directory)
        }
        return false
    }

    /// Refuses what SQLite would take for a new database although there was one that held a state.
    static func checkPresence(directory: String) throws(StateStoreError) {
        let path = directory + "/" + StateStore.fileName
        guard try isThere(StateStore.fileName, in: directory) else {
            // As a recovery leaves it that dies between its two last steps.
            if Generations.isKept(in: directory) { throw .missing(path: directory) }
            return
        }
        let bytes = length(path)
        // A crash in the first moment leaves a file of no bytes, and nothing beside it.
        let isNew = bytes == 0 && length(path + "-wal") == 0 && !Generations.isKept(in: directory)
        guard bytes >= headerBytes || isNew else {
            throw damage("\(StateStore.fileName) is cut off at \(bytes) bytes", directory: directory)
        }
    }

    /// 0 where there is no file.
    static func length(_ path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }

    /// - Returns: nil where the database is new.
    static func format(of database: Database, directory: String) throws -> Int? {
        guard try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM sqlite_schema") != 0 else { return nil }
        guard try Int.fetchOne(database, sql: "PRAGMA application_id") == Schema.applicationID else {
            throw damage("\(StateStore.fileName) is not a freshet state file", directory: directory)
        }
        let format = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard format <= Schema.format else { throw StateStoreError.formatTooNew(path: directory, format: format) }
        return format
    }

    /// Every page of every tree stands where it should.
    static func checkStructure(_ database: Database, directory: String) throws {
        let verdict = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? "no answer"
        guard verdict == "ok" else { throw damage(verdict, directory: directory) }
    }

    /// The model, the offsets and the blobs are those of one checkpoint.
    static func checkSeal(_ database: Database, directory: String) throws {
        guard try Seal.hasModel(database) else { return }
        guard let seal = try Seal(database), try Seal.current(database) == seal.checksum else {
            throw damage("the seal of the last checkpoint does not fit", directory: directory)
        }
    }

    /// Everything: structure, seal, and the checksum of each row.
    @discardableResult
    static func verify(_ database: Database, directory: String) throws -> Sizes {
        try checkStructure(database, directory: directory)
        try checkSeal(database, directory: directory)
        var sizes = Sizes()
        try forEachItem(database, directory: directory) { _, id, payload in
            sizes.items += 1
            sizes.itemBytes += id.count + payload.count
        }
        try forEachUser(database, directory: directory) { id, _, payload in
            sizes.users += 1
            sizes.userBytes += id.count + payload.count
        }
        try forEachBlob(database, directory: directory) { sizes.blobBytes[kind(ofBlob: $0), default: 0] += $1.count }
        return sizes
    }

    /// Blobs that are numbered count as one.
    private static func kind(ofBlob name: String) -> String {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count > 1 && Int(parts[parts.count - 1]) != nil ? parts.dropLast().joined(separator: ".") : name
    }

    /// What a verification counts on its way.
    struct Sizes {
        var items = 0
        var itemBytes = 0
        var users = 0
        var userBytes = 0
        var blobBytes: [String: Int] = [:]
    }

    static func forEachItem(
        _ database: Database, directory: String, _ body: (Int64, [UInt8], [UInt8]) throws -> Void
    ) throws {
        let rows = try Row.fetchCursor(database, sql: "SELECT place, id, checksum, payload FROM item ORDER BY place")
        while let row = try rows.next() {
            let place: Int64 = try row.decode(atIndex: 0)
            let (id, payload) = try (row.bytes(at: 1), row.bytes(at: 3))
            let checksum = RowChecksums.item(place: place, id: id, payload: payload)
            guard Int64(bitPattern: checksum.value) == (try row.decode(Int64.self, atIndex: 2)) else {
                throw damage("item row \(place) has another checksum", directory: directory)
            }
            try body(place, id, payload)
        }
    }

    /// In the order of the file, which is that of the identifiers.
    static func forEachUser(
        _ database: Database, directory: String, _ body: ([UInt8], Int64, [UInt8]) throws -> Void
    ) throws {
        let rows = try Row.fetchCursor(database, sql: "SELECT id, last_active, checksum, payload FROM user")
        while let row = try rows.next() {
            let (id, payload) = try (row.bytes(at: 0), row.bytes(at: 3))
            let lastActive: Int64 = try row.decode(atIndex: 1)
            let checksum = RowChecksums.user(id: id, lastActive: lastActive, payload: payload)
            guard Int64(bitPattern: checksum.value) == (try row.decode(Int64.self, atIndex: 2)) else {
                throw damage("a user row has another checksum", directory: directory)
            }
            try body(id, lastActive, payload)
        }
    }

    static func forEachBlob(
        _ database: Database, directory: String, _ body: (String, [UInt8]) throws -> Void
    ) throws {
        let rows = try Row.fetchCursor(database, sql: "SELECT name, checksum, payload FROM blob")
        while let row = try rows.next() {
            let (name, payload) = try (row.decode(String.self, atIndex: 0), row.bytes(at: 2))
            let checksum = RowChecksums.blob(name: name, payload: payload)
            guard Int64(bitPattern: checksum.value) == (try row.decode(Int64.self, atIndex: 1)) else {
                throw damage("\(name) has another checksum", directory: directory)
            }
            try body(name, payload)
        }
    }

    /// Damage, with the way to go on that this directory has.
    static func damage(_ reason: String, directory: String) -> StateStoreError {
        .damaged(path: directory, reason: reason, hasPrevious: Generations.isKept(in: directory))
    }
}
