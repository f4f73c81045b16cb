import Foundation
import GRDB
import Testing

@testable import StateStore

/// Whatever happens to the file: what is read is what was written, or nothing is.
@Suite struct DamageTests {
    private let fixture = StoreFixture()

    private func contents() throws -> StoreContents {
        try StoreContents(StateStore(directory: fixture.directory))
    }

    @Test func noChangedByteIsReadAsIfItWereWritten() throws {
        try fixture.fill()
        let whole = try contents()
        let bytes = try fixture.bytes()
        var state: UInt64 = 1
        var refused = 0
        for _ in 0..<400 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var damaged = bytes
            damaged[Int((state >> 20) % UInt64(bytes.count))] ^= UInt8(1 + (state >> 8) % 255)
            try fixture.replace(with: damaged)
            do {
                #expect(try contents() == whole, "state \(state)")
            } catch is StateStoreError {
                refused += 1
            }
        }
        // Part of a file is room that nothing stands in.
        #expect(refused > 30)
        try fixture.replace(with: bytes)
        #expect(try contents() == whole)
    }

    /// Where many pages are damaged a tree can hand over NULLs where its table forbids them.
    @Test(arguments: 1...12)
    func manyChangedBytesAreADamageAndNeverACrash(seed: Int) throws {
        try fixture.fill(items: 0..<200, users: 0..<200)
        let whole = try contents()
        let bytes = try fixture.bytes()
        for step in [97, 331, 997, 2003, 4099] {
            var damaged = bytes
            for place in stride(from: 100 + seed * 389, to: bytes.count, by: step) { damaged[place] ^= UInt8(0x11 * seed) }
            try fixture.replace(with: damaged)
            // Each reader by itself: a command stops at the first that throws.
            for read in Self.readers {
                do {
                    try read(fixture.directory)
                } catch is StateStoreError {
                }
            }
            #expect((try? contents()).map { $0 == whole } ?? true, "step \(step)")
        }
    }

    @Test(arguments: [
        "model.encoder", "model.version", "item.id", "item.checksum", "item.payload", "user.last_active", "user.payload",
        "blob.checksum", "blob.payload", "offset.next", "seal.checkpoint", "seal.checksum",
    ])
    func aNullWhereNoneMayStandIsADamage(column: String) throws {
        try fixture.fill()
        let parts = column.split(separator: ".")
        let queue = try DatabaseQueue(path: fixture.file)
        try queue.writeWithoutTransaction { database in
            try database.execute(
                sql: """
                    PRAGMA writable_schema = ON;
                    UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '');
                    PRAGMA writable_schema = RESET;
                    UPDATE \(parts[0]) SET \(parts[1]) = NULL;
                    """)
        }
        try queue.close()
        #expect(throws: StateStoreError.self) { try contents() }
        #expect(try StateInspection(directory: fixture.directory).current.integrity != "ok")
    }

    private static let readers: [@Sendable (String) throws -> Void] = [
        { _ = try StateInspection(directory: $0) },
        { _ = try StateStore(directory: $0) },
        { _ = try StateStore(reading: $0).modelDescription() },
        { _ = try StateStore(reading: $0).offsets() },
        { _ = try StateStore(reading: $0).blobs() },
        { try StateStore(reading: $0).forEachItem { _ in } },
        { try StateStore(reading: $0).forEachUser { _ in } },
    ]

    @Test func noPartOfAFileIsReadAsTheWhole() throws {
        try fixture.fill(items: 0..<500, users: 0..<500)
        let bytes = try fixture.bytes()
        try keepEmptyGeneration()
        for length in [0, 1, 511] + stride(from: 512, to: bytes.count, by: 2531) {
            try fixture.replace(with: Array(bytes[..<length]))
            #expect(throws: StateStoreError.self, "\(length) of \(bytes.count) bytes") { try contents() }
            #expect(try fixture.bytes().count == length)
        }
    }

    /// With it an empty file is no new state.
    private func keepEmptyGeneration() throws {
        try Data().write(to: URL(fileURLWithPath: fixture.previous))
    }

    @Test func anEmptyFileThatACrashLeftIsANewState() throws {
        try FileManager.default.createDirectory(atPath: fixture.directory, withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: fixture.file))
        #expect(try contents().model == nil)
    }

    @Test func aFullDiskKeepsTheLastCheckpointAndIsGotOver() throws {
        let store = try StateStore(directory: fixture.directory)
        try store.write(StoreFixture.checkpoint(version: 1, items: 0..<50, users: 0..<50))
        let before = try StoreContents(store)
        // SQLite's own quota answers as a full disk does.
        try store.withDatabase { try $0.execute(sql: "PRAGMA max_page_count = 20") }
        for version in 2...4 {
            #expect(throws: StateStoreError.diskFull(path: fixture.directory)) {
                try store.write(StoreFixture.checkpoint(version: UInt64(version), items: 0..<5000, users: 0..<5000))
            }
            #expect(try StoreContents(store) == before)
        }
        #expect(try StoreContents(StateStore(reading: fixture.directory)) == before)
        try store.withDatabase { try $0.execute(sql: "PRAGMA max_page_count = 1000000") }
        try store.write(StoreFixture.checkpoint(version: 5, items: 0..<5000, users: 0..<5000))
        #expect(try StoreContents(store).items.count == 5000)
        #expect(try store.modelDescription()?.modelVersion == 5)
    }
}
