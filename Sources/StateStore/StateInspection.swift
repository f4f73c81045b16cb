internal import Checkpoints
internal import Events
internal import Foundation
internal import GRDB

/// What a state directory holds, every byte of it read and verified. A daemon may run meanwhile.
public struct StateInspection: Codable, Equatable, Sendable {
    public var directory: String
    public var current: Generation
    /// The generation before; nil where none is kept.
    public var previous: Generation?

    /// One state file.
    public struct Generation: Codable, Equatable, Sendable {
        public var file: String
        public var bytes: Int
        /// The write-ahead log beside it.
        public var logBytes: Int
        /// `ok`, or what is wrong.
        public var integrity: String
        public var format: Int?
        /// nil where no checkpoint was written yet.
        public var model: Model?
        /// Checkpoints written into this state.
        public var checkpoints: Int?
        /// When the last one was, in milliseconds since 1970.
        public var writtenAt: Int?
        public var items = 0
        public var itemBytes = 0
        public var users = 0
        public var userBytes = 0
        /// Bytes of what is not a row, by name.
        public var blobs: [String: Int] = [:]
        public var offsets: [Offset] = []
        /// Why it is not sound, as an error of its own kind: not everything is damage.
        public fileprivate(set) var finding: StateStoreError?

        enum CodingKeys: String, CodingKey {
            case file, bytes, integrity, format, model, checkpoints, items, users, blobs, offsets
            case logBytes = "log_bytes"
            case writtenAt = "written_at"
            case itemBytes = "item_bytes"
            case userBytes = "user_bytes"
        }
    }

    public struct Model: Codable, Equatable, Sendable {
        public var encoder: String
        public var dimensions: Int
        public var version: UInt64
    }

    /// The next offset to learn from.
    public struct Offset: Codable, Equatable, Sendable {
        public var topic: String
        public var partition: Int
        public var next: Int
    }

    /// - Throws: where there is no state at all, or it cannot be read. Damage is a finding, not an error.
    public init(directory: String) throws(StateStoreError) {
        self.directory = directory
        let isThere = try StateFile.isThere(StateStore.fileName, in: directory)
        guard isThere || Generations.isKept(in: directory) else { throw .nothingThere(path: directory) }
        current = try Self.generation(StateStore.fileName, in: directory)
        previous = Generations.isKept(in: directory) ? try Self.generation(Generations.previousName, in: directory) : nil
    }

    /// Puts the generation before in the place of the damaged one, which is kept under another name.
    ///
    /// - Returns: the name that the damaged file has now; nil where there was none.
    public static func recover(directory: String) throws(StateStoreError) -> String? {
        let lock = try DirectoryLock(directory: directory)
        do {
            let damaged = try Generations.recover(directory: directory)
            lock.release()
            return damaged
        } catch {
            throw StateStoreError(error, .writing, directory: directory)
        }
    }

    private static func generation(_ name: String, in directory: String) throws(StateStoreError) -> Generation {
        let path = directory + "/" + name
        var generation = Generation(
            file: name, bytes: StateFile.length(path), logBytes: StateFile.length(path + "-wal"), integrity: "ok")
        do {
            if name == StateStore.fileName { try StateFile.checkPresence(directory: directory) }
            try ReadingDatabase(name, directory: directory).read { database in
                try generation.read(database, directory: directory)
            }
            return generation
        } catch {
            let failure = StateStoreError(error, .reading, directory: directory)
            generation.finding = failure
            switch failure {
            case .damaged(_, let reason, _): generation.integrity = reason
            case .missing: generation.integrity = "missing"
            // It is whole as far as that format tells.
            case .formatTooOld, .formatTooNew: generation.integrity = "\(failure)"
            default: throw failure
            }
            return generation
        }
    }
}

extension StateInspection.Generation {
    fileprivate mutating func read(_ database: Database, directory: String) throws {
        format = try StateFile.format(of: database, directory: directory)
        model = try Row.fetchOne(database, sql: "SELECT encoder, dimensions, version FROM model").map { row in
            let model = try ModelDescription(row)
            return StateInspection.Model(
                encoder: model.encoder, dimensions: model.dimensions, version: model.modelVersion)
        }
        offsets = try Row.fetchAll(database, sql: "SELECT topic, partition, next FROM offset ORDER BY topic, partition")
            .map { row in
                let place = try TopicPartition(row)
                return StateInspection.Offset(
                    topic: place.topic, partition: Int(place.partition), next: try row.decode(atIndex: 2))
            }
        guard let format, format >= Schema.firstWithChecksums else {
            throw StateStoreError.formatTooOld(path: directory, format: format ?? 0)
        }
        let seal = try Seal(database)
        checkpoints = seal.map { Int($0.checkpoint) }
        writtenAt = seal.map { Int($0.written) }
        let sizes = try StateFile.verify(database, directory: directory)
        (items, itemBytes, users, userBytes) = (sizes.items, sizes.itemBytes, sizes.users, sizes.userBytes)
        blobs = sizes.blobBytes
    }
}
