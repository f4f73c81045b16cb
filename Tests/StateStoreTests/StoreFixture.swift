import Checkpoints
import Events
import Foundation

@testable import StateStore

/// A directory that is removed at the end, and small checkpoints.
final class StoreFixture {
    let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("freshet-store-\(UUID().uuidString)").path

    deinit {
        do { try FileManager.default.removeItem(atPath: directory) } catch {}
    }

    var file: String { directory + "/" + StateStore.fileName }
    var previous: String { directory + "/" + Generations.previousName }

    static func checkpoint(version: UInt64, items: Range<UInt32>, users: Range<Int>) -> Checkpoint {
        let byte = UInt8(truncatingIfNeeded: version)
        return Checkpoint(
            model: ModelDescription(encoder: "gru", dimensions: 16, modelVersion: version),
            items: items.map { ItemRow(index: $0, id: item($0), payload: [UInt8](repeating: byte, count: 40)) },
            users: users.map { UserRow(id: user($0), lastActive: version + UInt64($0), payload: [1, 2, byte]) },
            blobs: ["learner": [byte, 9], "gru": [UInt8](repeating: byte, count: 300)],
            offsets: [TopicPartition(topic: "events", partition: 2): Int64(version) * 10])
    }

    private static func item(_ number: UInt32) -> ItemID {
        guard let item = ItemID("i\(number)") else { preconditionFailure("a letter and a number are an identifier") }
        return item
    }

    private static func user(_ number: Int) -> UserID {
        guard let user = UserID("u\(number)") else { preconditionFailure("a letter and a number are an identifier") }
        return user
    }

    /// Writes checkpoints 1 to `count` over each other and closes the store, so that all is in the one file.
    func fill(checkpoints count: UInt64 = 1, items: Range<UInt32> = 0..<50, users: Range<Int> = 0..<50) throws {
        let store = try StateStore(directory: directory)
        for version in 1...count { try store.write(Self.checkpoint(version: version, items: items, users: users)) }
    }

    func bytes() throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: file))) }

    func replace(with bytes: [UInt8]) throws {
        for suffix in ["-wal", "-shm"] where FileManager.default.fileExists(atPath: file + suffix) {
            try FileManager.default.removeItem(atPath: file + suffix)
        }
        try Data(bytes).write(to: URL(fileURLWithPath: file))
    }
}

/// Everything that a store gives back, in one value.
struct StoreContents: Equatable {
    var model: ModelDescription?
    var items: [ItemRow] = []
    var users: [UserRow] = []
    var blobs: [String: [UInt8]]
    var offsets: [TopicPartition: Int64]

    init(_ store: StateStore) throws {
        model = try store.modelDescription()
        blobs = try store.blobs()
        offsets = try store.offsets()
        var (items, users): ([ItemRow], [UserRow]) = ([], [])
        try store.forEachItem { items.append($0) }
        try store.forEachUser { users.append($0) }
        (self.items, self.users) = (items, users)
    }
}
