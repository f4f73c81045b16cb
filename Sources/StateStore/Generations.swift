internal import Events
internal import Foundation
internal import Glibc
internal import GRDB

/// The state file and the whole one from before it.
///
/// A copy is made page by page in one reading transaction of the write-ahead log, so that checkpoints go
/// on meanwhile. It is a file of its own, without a log, under another name until it is verified and synced.
enum Generations {
    static let previousName = "state.previous.sqlite"
    private static let partName = "state.previous.sqlite.part"
    private static let damagedMax = 100

    static func isKept(in directory: String) -> Bool {
        FileManager.default.fileExists(atPath: directory + "/" + previousName)
    }

    /// - Parameter isVerified: whether the copy must pass every check; a file of an older format has only
    ///   its structure.
    static func copy(from source: DatabaseQueue, directory: String, isVerified: Bool) throws {
        let part = directory + "/" + partName
        try remove(part)
        do {
            var configuration = Configuration()
            configuration.prepareDatabase { try $0.execute(sql: "PRAGMA secure_delete = ON") }
            let target = try DatabaseQueue(path: part, configuration: configuration)
            try source.read { source in
                // The first reading begins the transaction that the whole copy stays in.
                _ = try Int.fetchOne(source, sql: "PRAGMA user_version")
                try target.writeWithoutTransaction { target in try source.backup(to: target) }
            }
            try target.writeWithoutTransaction { target in
                try target.execute(sql: "PRAGMA journal_mode = DELETE")
                if isVerified { try StateFile.verify(target, directory: directory) }
            }
            try target.close()
            try sync(part)
            try move(part, to: directory + "/" + previousName)
            try sync(directory)
        } catch {
            // The error that matters is the first one; what is left is removed before the next copy.
            try? remove(part)
            throw error
        }
    }

    /// Puts the previous generation in the place of the state file, which is kept under another name.
    ///
    /// - Returns: the name that the damaged file has now; nil where there was none.
    static func recover(directory: String) throws -> String? {
        guard isKept(in: directory) else { throw StateStoreError.noPrevious(path: directory) }
        let previous = directory + "/" + previousName
        let kept = try ReadingDatabase(previousName, directory: directory)
        try kept.read { database in
            let format = try StateFile.format(of: database, directory: directory)
            try StateFile.checkStructure(database, directory: directory)
            if let format, format >= Schema.firstWithChecksums { try StateFile.verify(database, directory: directory) }
        }
        try kept.queue.close()
        let part = directory + "/" + partName
        try copyPrevious(in: directory, to: part)
        let starts = try ReadingStarts(directory: directory)
        let (seal, known) = try knowledge(ofPreviousIn: directory)
        if try apply(starts, to: part, directory: directory) {
            // It takes the place of the generation before, too: it may be needed once more.
            try move(part, to: previous)
            try sync(directory)
            try copyPrevious(in: directory, to: part)
        }
        // What they say is in both files now, and checkpoints are numbered anew; but for what waits for sessions.
        if !starts.starts.isEmpty { try starts.keepRecovered(after: seal, known: known, in: directory) }
        let damaged = try setAside(directory: directory)
        try move(part, to: directory + "/" + StateStore.fileName)
        try sync(directory)
        return damaged
    }

    private static func copyPrevious(in directory: String, to part: String) throws {
        try remove(part)
        try FileManager.default.copyItem(atPath: directory + "/" + previousName, toPath: part)
        try sync(part)
    }

    /// Has a copy of the generation before know of the partitions that came after it.
    private static func apply(_ starts: ReadingStarts, to part: String, directory: String) throws -> Bool {
        guard !starts.starts.isEmpty else { return false }
        let copy = try DatabaseQueue(path: part)
        let isChanged = try copy.write { database in
            let format = try StateFile.format(of: database, directory: directory) ?? 0
            return try starts.apply(to: database, hasSeal: format >= Schema.firstWithChecksums)
        }
        try copy.close()
        try sync(part)
        return isChanged
    }

    /// The number of the checkpoint that a file is of, 0 where it has none, and the partitions that it knows of.
    private static func knowledge(
        ofPreviousIn directory: String
    ) throws -> (checkpoint: Int64, partitions: Set<TopicPartition>) {
        try ReadingDatabase(previousName, directory: directory).read { database in
            let format = try StateFile.format(of: database, directory: directory) ?? 0
            let places = try Row.fetchAll(database, sql: "SELECT topic, partition FROM offset")
                .map { try TopicPartition($0) }
            return (format >= Schema.firstWithChecksums ? try Seal(database)?.checkpoint ?? 0 : 0, Set(places))
        }
    }

    /// The number of the checkpoint that the generation before is of; nil where none is kept.
    static func previousCheckpoint(in directory: String) throws -> Int64? {
        guard isKept(in: directory) else { return nil }
        return try ReadingDatabase(previousName, directory: directory).read { try Seal($0)?.checkpoint }
    }

    /// Moves the state file with its log to a name that is free.
    private static func setAside(directory: String) throws -> String? {
        let path = directory + "/" + StateStore.fileName
        let present = ["", "-wal", "-shm"].filter { FileManager.default.fileExists(atPath: path + $0) }
        guard !present.isEmpty else { return nil }
        for number in 1...damagedMax {
            let name = "state.damaged-\(number).sqlite"
            let isTaken = ["", "-wal", "-shm"].contains { FileManager.default.fileExists(atPath: directory + "/" + name + $0) }
            if isTaken { continue }
            // The file first: whoever starts after a crash in the middle of this finds it missing, and says so. Without
            // its log it would be opened, and be an older state.
            for suffix in present { try move(path + suffix, to: directory + "/" + name + suffix) }
            return name
        }
        throw StateStoreError.directoryUnusable(
            path: directory, reason: "\(damagedMax) damaged states are kept there; remove some")
    }

    static func removeUnfinishedCopy(in directory: String) throws { try remove(directory + "/" + partName) }

    private static func remove(_ path: String) throws {
        for suffix in ["", "-journal", "-wal", "-shm"] where FileManager.default.fileExists(atPath: path + suffix) {
            try FileManager.default.removeItem(atPath: path + suffix)
        }
    }

    static func move(_ path: String, to target: String) throws {
        guard unsafe rename(path, target) == 0 else { throw failure(directory: target) }
    }

    static func sync(_ path: String) throws {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(directory: path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(directory: path) }
    }

    private static func failure(directory: String) -> StateStoreError {
        StateStoreError(errno: errno, .writing, directory: directory)
    }
}
