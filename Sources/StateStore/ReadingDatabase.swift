internal import Foundation
internal import Glibc
internal import GRDB

/// A state file that is opened for reading, also by who may not write in its directory: on a disk that is mounted
/// read-only, or as another user.
///
/// SQLite keeps locks of a database with a write-ahead log in files beside it. Where they can be neither found nor made it
/// is read without locks, and each reading looks afterwards whether anything was written meanwhile.
struct ReadingDatabase: Sendable {
    let queue: DatabaseQueue
    /// The files as they were when they were opened; nil where they are locked while they are read.
    private let stamps: [FileStamp]?
    private let directory: String

    /// Seconds that a reader waits for a writer that recovers the log.
    static let waitingTimeout = 5.0

    /// - Throws: SQLite's error, or `StateStoreError`.
    init(_ name: String, directory: String) throws {
        let path = directory + "/" + name
        self.directory = directory
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(Self.waitingTimeout)
        let files = Self.files(path)
        do {
            queue = try Self.open(path, configuration)
            stamps = nil
            return
        } catch let error as DatabaseError
            where [.SQLITE_CANTOPEN, .SQLITE_READONLY].contains(error.resultCode) && files.first?.bytes ?? 0 > 0
            && !Self.mayWrite(in: directory)
        {}
        let isLogEmpty = files.last?.bytes ?? 0 == 0
        // With a log in it the file is only whole together with that, whose index SQLite then keeps in memory.
        if !isLogEmpty {
            configuration.prepareDatabase { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
        }
        queue = try Self.open(Self.uri(path, isLogEmpty ? "immutable=1" : "vfs=unix-none"), configuration)
        stamps = files
    }

    func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
        let value: Value
        do { value = try queue.read(body) } catch {
            try checkUnchanged()
            throw error
        }
        try checkUnchanged()
        return value
    }

    /// What was read while it was written is neither whole nor damaged.
    private func checkUnchanged() throws(StateStoreError) {
        guard let stamps else { return }
        guard stamps == stamps.map({ FileStamp($0.path) }) else { throw .changedMeanwhile(path: directory) }
    }

    /// Opens, and reads a first page: SQLite opens files when it needs them.
    private static func open(_ path: String, _ configuration: Configuration) throws -> DatabaseQueue {
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        _ = try queue.read { try Int.fetchOne($0, sql: "PRAGMA schema_version") }
        return queue
    }

    private static func mayWrite(in directory: String) -> Bool { unsafe access(directory, W_OK) == 0 }

    private static func files(_ path: String) -> [FileStamp] { [FileStamp(path), FileStamp(path + "-wal")] }

    /// sqlite.org/uri.html
    private static func uri(_ path: String, _ parameter: String) -> String {
        let absolute = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        let escaped = absolute.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? absolute
        return "file://\(escaped)?\(parameter)"
    }
}

/// Which bytes a file held, as far as the file system tells.
struct FileStamp: Equatable, Sendable {
    let path: String
    /// 0 where there is no file.
    let bytes: Int
    private let node: UInt64
    private let modified: Int

    init(_ path: String) {
        self.path = path
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            (bytes, node, modified) = (0, 0, 0)
            return
        }
        (bytes, node) = (Int(status.st_size), UInt64(status.st_ino))
        modified = status.st_mtim.tv_sec &* 1_000_000_000 &+ status.st_mtim.tv_nsec
    }
}
