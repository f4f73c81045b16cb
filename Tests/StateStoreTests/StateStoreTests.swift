import Checkpoints
import Events
import Foundation
import Testing

@testable import StateStore

@Suite final class StateStoreTests {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("freshet-store-\(UUID().uuidString)").path

    deinit {
        do { try FileManager.default.removeItem(atPath: directory) } catch {}
    }

    private func user(_ name: String) -> UserID {
        guard let user = UserID(name) else { preconditionFailure("\(name) is an identifier") }
        return user
    }

    private func checkpoint(version: UInt64, items: [UInt32], users: [String], removed: [String] = []) throws -> Checkpoint {
        Checkpoint(
            model: ModelDescription(encoder: "gru", dimensions: 16, modelVersion: version),
            items: try items.map { ItemRow(index: $0, id: try #require(ItemID("i\($0)")), payload: [UInt8(truncatingIfNeeded: version)]) },
            users: users.enumerated().map { UserRow(id: user($1), lastActive: version + UInt64($0), payload: [1, 2, UInt8(truncatingIfNeeded: version)]) },
            removedUsers: removed.map(user), blobs: ["learner": [UInt8(truncatingIfNeeded: version), 9]],
            offsets: [TopicPartition(topic: "events", partition: 2): Int64(version) * 10])
    }

    private func contents(_ store: StateStore) throws -> (items: [ItemRow], users: [UserRow]) {
        var (items, users): ([ItemRow], [UserRow]) = ([], [])
        try store.forEachItem { items.append($0) }
        try store.forEachUser { users.append($0) }
        return (items, users)
    }

    @Test func checkpointsLieOverEachOther() throws {
        let first = try StateStore(directory: directory + "/a/b")
        #expect(try first.modelDescription() == nil)
        try first.write(checkpoint(version: 255, items: [0, 1, 2], users: ["b", "a", "c\u{0}'; DROP TABLE user"]))
        try first.write(checkpoint(version: 7, items: [1], users: ["a"], removed: ["b", "nobody"]))
        let (items, users) = try contents(first)
        #expect(items.map(\.index) == [0, 1, 2])
        #expect(items.map(\.payload) == [[255], [7], [255]])
        #expect(Set(users.map(\.id.text)) == ["a", "c\u{0}'; DROP TABLE user"])
        #expect(users.first { $0.id.text == "a" }?.payload == [1, 2, 7])
        #expect(try first.modelDescription()?.modelVersion == 7)
        #expect(try first.blobs() == ["learner": [7, 9]])
        #expect(try first.offsets() == [TopicPartition(topic: "events", partition: 2): 70])
    }

    @Test func usersAreReplacedWhereACheckpointHoldsThemAll() throws {
        let store = try StateStore(directory: directory)
        try store.write(checkpoint(version: 1, items: [0], users: ["a", "b", "c"]))
        var all = try checkpoint(version: 2, items: [], users: ["b", "d"])
        all.replacesUsers = true
        try store.write(all)
        #expect(Set(try contents(store).users.map(\.id.text)) == ["b", "d"])
        #expect(try contents(store).items.count == 1)
    }

    @Test func whatWasWrittenIsThereAfterReopening() throws {
        do {
            let store = try StateStore(directory: directory)
            try store.write(checkpoint(version: 3, items: [0], users: ["a", "b"]))
        }
        let store = try StateStore(directory: directory)
        let (items, users) = try contents(store)
        #expect(items.count == 1)
        #expect(users.map(\.id.text) == ["a", "b"])
    }

    @Test func aPartitionThatACheckpointDoesNotNameIsCoveredNoMore() throws {
        let store = try StateStore(directory: directory)
        var first = try checkpoint(version: 1, items: [], users: [])
        let gone = TopicPartition(topic: "events", partition: 9)
        first.offsets[gone] = 5
        try store.write(first)
        #expect(try store.offsets()[gone] == 5)
        try store.write(checkpoint(version: 2, items: [], users: []))
        #expect(try store.offsets() == [TopicPartition(topic: "events", partition: 2): 20])
    }

    @Test func aSecondOneIsKeptOut() throws {
        let store = try StateStore(directory: directory)
        #expect(throws: StateStoreError.inUse(path: directory)) { try StateStore(directory: self.directory) }
        withExtendedLifetime(store) {}
    }

    @Test(arguments: [Data("not a database, but long enough to be read as one: ".utf8) + Data(repeating: 65, count: 4096), Data(repeating: 0xFF, count: 10_000)])
    func aFileThatIsNotOursIsRefusedAndLeftAsItIs(content: Data) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let path = directory + "/" + StateStore.fileName
        try content.write(to: URL(fileURLWithPath: path))
        #expect(throws: StateStoreError.self) { try StateStore(directory: self.directory) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == content)
    }

    @Test func damageInTheMiddleIsToldApart() throws {
        do {
            let store = try StateStore(directory: directory)
            try store.write(checkpoint(version: 3, items: Array(0..<2000), users: (0..<2000).map { "user\($0)" }))
        }
        let path = directory + "/" + StateStore.fileName
        var content = try Data(contentsOf: URL(fileURLWithPath: path))
        for place in 8192..<min(content.count, 40_000) { content[place] = 0x5A }
        try content.write(to: URL(fileURLWithPath: path))
        do throws(StateStoreError) {
            _ = try StateStore(directory: directory)
            Issue.record("a damaged file was opened")
        } catch {
            guard case .damaged = error else { throw error }
            #expect(error.description.contains("restore a backup"))
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == content)
    }

    @Test func aNewerFormatIsRefused() throws {
        do { _ = try StateStore(directory: directory) }
        let path = directory + "/" + StateStore.fileName
        var content = try Data(contentsOf: URL(fileURLWithPath: path))
        // SQLite's file format: user_version is the big-endian number at 60.
        content[63] = 99
        try content.write(to: URL(fileURLWithPath: path))
        #expect(throws: StateStoreError.formatTooNew(path: directory, format: 99)) { try StateStore(directory: self.directory) }
    }

    @Test func aDirectoryThatCannotBeMadeIsASentence() {
        do throws(StateStoreError) {
            _ = try StateStore(directory: "/proc/freshet")
            Issue.record("made a directory in /proc")
        } catch {
            #expect(error.description.contains("/proc/freshet"))
        }
    }
}
