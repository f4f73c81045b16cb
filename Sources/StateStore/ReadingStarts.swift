internal import Checkpoints
internal import Events
internal import Foundation
internal import GRDB

/// Where reading of each partition began that the generation before may not know of, in a small file beside the
/// state. A damaged state is recovered to that generation: without this it would go on, in such a partition, from
/// what the group has committed meanwhile, and nobody would know that what was before had to be learned again.
///
/// A partition that came with its users' sessions cannot go on from there without them: a recovery leaves in this file
/// from where it is to be learned, for the daemon to have the sessions come once more.
///
/// The file is whole or not there, and is written before the checkpoint that knows of the partition first.
struct ReadingStarts: Codable, Equatable {
    struct Start: Codable, Equatable {
        var topic: String
        var partition: Int32
        /// The next offset to learn from.
        var next: Int64
        /// The number of the first checkpoint that knew of the partition.
        var checkpoint: Int64
        /// Whether it came with its users' sessions; absent for not.
        var hasSessions: Bool?
        /// Whether the state was recovered to a generation from before it.
        var isRecovered: Bool?

        var place: TopicPartition { TopicPartition(topic: topic, partition: partition) }
    }

    static let fileName = "state.starts.json"
    private static let partName = "state.starts.json.part"
    private(set) var starts: [Start] = []

    init() {}

    /// - Throws: where there is such a file, and it cannot be read.
    init(directory: String) throws {
        let path = directory + "/" + Self.fileName
        guard FileManager.default.fileExists(atPath: path) else { return }
        let damage = StateStoreError.damaged(
            path: directory,
            reason: "\(Self.fileName) cannot be read; without it partitions go on from what the group has committed",
            hasPrevious: false)
        let data: Data
        do { data = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
            throw StateStoreError(error, .reading, directory: directory)
        }
        do { self = try JSONDecoder().decode(ReadingStarts.self, from: data) } catch { throw damage }
        guard starts.allSatisfy({ $0.partition >= 0 && $0.next >= 0 && $0.checkpoint >= 0 }) else { throw damage }
    }

    /// Writes down what the state file does not know of, if anything.
    ///
    /// - Parameter arrivals: of partitions that came with their sessions.
    static func note(
        _ beginnings: [TopicPartition: Int64], arrivals: [TopicPartition: Int64], notIn database: Database,
        directory: String
    ) throws {
        let known = try Row.fetchAll(database, sql: "SELECT topic, partition FROM offset")
            .map(TopicPartition.init)
        let new = beginnings.merging(arrivals) { _, new in new }.filter { !known.contains($0.key) }
        guard !new.isEmpty else { return }
        let checkpoint = (try Seal(database)?.checkpoint ?? 0) &+ 1
        // What cannot be read helps nobody; what is written now may.
        var noted = (try? ReadingStarts(directory: directory)) ?? ReadingStarts()
        let previous = (try? Generations.previousCheckpoint(in: directory)) ?? 0
        // What the generation before is newer than it knows, or has handed over since.
        noted.starts.removeAll { start in
            if start.isRecovered == true { return new[start.place] != nil || known.contains(start.place) }
            return start.checkpoint <= previous || start.checkpoint >= checkpoint
        }
        for (place, next) in new.sorted(by: { ($0.key.topic, $0.key.partition) < ($1.key.topic, $1.key.partition) }) {
            noted.starts.append(
                Start(
                    topic: place.topic, partition: place.partition, next: next, checkpoint: checkpoint,
                    hasSessions: arrivals[place] == nil ? nil : true))
        }
        try noted.write(to: directory)
    }

    private func write(to directory: String) throws {
        let part = directory + "/" + Self.partName
        do {
            try JSONEncoder().encode(self).write(to: URL(fileURLWithPath: part))
        } catch {
            throw StateStoreError(error, .writing, directory: directory)
        }
        try Generations.sync(part)
        try Generations.move(part, to: directory + "/" + Self.fileName)
        try Generations.sync(directory)
    }

    /// Has a state file that was written before go on from them.
    ///
    /// - Parameter hasSeal: whether the file is of a format that has one.
    /// - Returns: whether that changed anything.
    func apply(to database: Database, hasSeal: Bool) throws -> Bool {
        let seal = hasSeal ? try Seal(database) : nil
        var isChanged = false
        for start in first(after: seal?.checkpoint ?? 0) where start.hasSessions != true {
            try database.execute(
                sql: "INSERT OR IGNORE INTO offset VALUES (?, ?, ?)",
                arguments: [start.topic, start.partition, start.next])
            isChanged = isChanged || database.changesCount > 0
        }
        if isChanged, let seal {
            try Seal.renew(in: database, written: Date(timeIntervalSince1970: Double(seal.written) / 1000))
        }
        return isChanged
    }

    /// Of each partition the first start that a generation does not know of.
    private func first(after checkpoint: Int64) -> [Start] {
        var places: Set<TopicPartition> = []
        return starts.filter { $0.isRecovered != true && $0.checkpoint > checkpoint }
            .sorted { $0.checkpoint < $1.checkpoint }
            .filter { places.insert($0.place).inserted }
    }

    /// Has the file say, after a recovery, what the generation still has to learn once sessions come, and no more.
    ///
    /// - Parameter known: partitions that the generation knows of.
    func keepRecovered(after checkpoint: Int64, known: Set<TopicPartition>, in directory: String) throws {
        var kept = ReadingStarts()
        for var start in starts.filter({ $0.isRecovered == true }) + first(after: checkpoint).filter({ $0.hasSessions == true })
        where !known.contains(start.place) && !kept.starts.contains(where: { $0.place == start.place }) {
            start.isRecovered = true
            kept.starts.append(start)
        }
        try kept.write(to: directory)
    }
}
