import Foundation
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
