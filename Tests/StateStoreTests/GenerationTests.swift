import Checkpoints
import Events
import Foundation
import GRDB
import Testing

@testable import StateStore

@Suite struct GenerationTests {
    private let fixture = StoreFixture()

    @Test func aDamagedStateGoesOnFromTheGenerationBefore() throws {
        let kept: StoreContents
        do {
            let store = try StateStore(directory: fixture.directory)
            try store.write(StoreFixture.checkpoint(version: 1, items: 0..<500, users: 0..<500))
            try store.keepGeneration()
            kept = try StoreContents(store)
            try store.write(StoreFixture.checkpoint(version: 2, items: 0..<600, users: 0..<10))
        }
        var damaged = try fixture.bytes()
        for place in 8192..<12_000 { damaged[place] = 0x5A }
        try fixture.replace(with: damaged)
        do throws(StateStoreError) {
            _ = try StateStore(directory: fixture.directory)
            Issue.record("a damaged file was opened")
        } catch {
            guard case .damaged(_, _, hasPrevious: true) = error else { throw error }
            #expect(error.description.contains("freshet inspect --state \(fixture.directory) --recover"))
        }
        #expect(try fixture.bytes() == damaged)
        let inspection = try StateInspection(directory: fixture.directory)
        #expect(inspection.current.integrity != "ok")
        #expect(inspection.previous?.integrity == "ok")
        #expect(inspection.previous?.model?.version == 1)

        #expect(try StateInspection.recover(directory: fixture.directory) == "state.damaged-1.sqlite")
        let store = try StateStore(directory: fixture.directory)
        #expect(try StoreContents(store) == kept)
        #expect(try Array(Data(contentsOf: URL(fileURLWithPath: fixture.directory + "/state.damaged-1.sqlite"))) == damaged)
        #expect(FileManager.default.fileExists(atPath: fixture.previous))
        // In use: nobody else changes it.
        #expect(throws: StateStoreError.inUse(path: fixture.directory)) { try StateInspection.recover(directory: self.fixture.directory) }
        withExtendedLifetime(store) {}
    }

    /// A recovery moves the damaged file away, then the copy into its place: what dies in between leaves neither.
    @Test(arguments: ["", "-wal"])
    func aRecoveryThatDiedBetweenItsLastStepsIsNoNewState(left: String) throws {
        let kept: StoreContents
        do {
            let store = try StateStore(directory: fixture.directory)
            try store.write(StoreFixture.checkpoint(version: 1, items: 0..<9, users: 0..<9))
            try store.keepGeneration()
            kept = try StoreContents(store)
        }
        try FileManager.default.moveItem(atPath: fixture.file, toPath: fixture.directory + "/state.damaged-1.sqlite")
        // The log of the damaged one may be there still: it is no part of the other.
        if left == "-wal" { try Data(repeating: 0x37, count: 4152).write(to: URL(fileURLWithPath: fixture.file + left)) }
        #expect(throws: StateStoreError.missing(path: fixture.directory)) { try StateStore(directory: self.fixture.directory) }
        #expect(throws: StateStoreError.missing(path: fixture.directory)) { try StateStore(reading: self.fixture.directory) }
        #expect(!FileManager.default.fileExists(atPath: fixture.file))
        #expect(try StateInspection(directory: fixture.directory).current.finding == .missing(path: fixture.directory))
        _ = try StateInspection.recover(directory: fixture.directory)
        #expect(try StoreContents(StateStore(directory: fixture.directory)) == kept)
    }

    @Test func aPartitionThatCameAfterTheGenerationGoesOnFromWhereReadingBegan() throws {
        let other = TopicPartition(topic: "events", partition: 5)
        do {
            let store = try StateStore(directory: fixture.directory)
            try store.write(StoreFixture.checkpoint(version: 1, items: 0..<5, users: 0..<5))
            try store.keepGeneration()
            for (version, next) in [(2, 9), (3, 40), (4, 90)] as [(UInt64, Int64)] {
                var checkpoint = StoreFixture.checkpoint(version: version, items: 0..<5, users: 0..<5)
                checkpoint.offsets[other] = next
                checkpoint.beginnings[other] = 7
                try store.write(checkpoint)
            }
        }
        // The second time there is no newer generation than the first one.
        for _ in 0..<2 {
            try fixture.replace(with: [UInt8](repeating: 0x5A, count: 5000))
            _ = try StateInspection.recover(directory: fixture.directory)
            let store = try StateStore(directory: fixture.directory)
            #expect(try store.offsets() == [TopicPartition(topic: "events", partition: 2): 10, other: 7])
            #expect(try store.modelDescription()?.modelVersion == 1)
        }
    }

    @Test func aRecoveryLeavesFromWhereAPartitionThatCameWithItsSessionsIsToBeLearned() throws {
        let (arrived, begun) = (TopicPartition(topic: "events", partition: 5), TopicPartition(topic: "events", partition: 6))
        do {
            let store = try StateStore(directory: fixture.directory)
            try store.write(StoreFixture.checkpoint(version: 1, items: 0..<3, users: 0..<3))
            try store.keepGeneration()
            for version in 2...3 as ClosedRange<UInt64> {
                var checkpoint = StoreFixture.checkpoint(version: version, items: 0..<3, users: 0..<3)
                checkpoint.offsets[arrived] = 70 + Int64(version)
                checkpoint.offsets[begun] = 80 + Int64(version)
                (checkpoint.arrivals, checkpoint.beginnings) = ([arrived: 70], [begun: 80])
                try store.write(checkpoint)
            }
            #expect(try store.unlearned() == [:])
        }
        try fixture.replace(with: [UInt8](repeating: 0x5A, count: 5000))
        // Once more, as often as it is needed.
        for _ in 0..<2 {
            _ = try StateInspection.recover(directory: fixture.directory)
            do {
                let recovered = try StateStore(reading: fixture.directory)
                let offsets = try recovered.offsets()
                #expect(offsets[arrived] == nil && offsets[begun] == 80)
                #expect(try recovered.unlearned() == [arrived: 70])
            }
            try fixture.replace(with: [UInt8](repeating: 0x5A, count: 5000))
        }
        _ = try StateInspection.recover(directory: fixture.directory)
        let after = try StateStore(directory: fixture.directory)
        var checkpoint = StoreFixture.checkpoint(version: 2, items: 0..<3, users: 0..<3)
        // A partition that begins now leaves what waits where it is.
        let other = TopicPartition(topic: "events", partition: 7)
        (checkpoint.offsets[other], checkpoint.beginnings) = (1, [other: 1])
        try after.write(checkpoint)
        #expect(try after.unlearned() == [arrived: 70])
        (checkpoint.offsets[arrived], checkpoint.arrivals) = (70, [arrived: 70])
        try after.write(checkpoint)
        #expect(try after.unlearned() == [:])
    }

    @Test func aDiskThatIsFullWhereReadingBeginsIsAFullDiskAndChangesNothing() throws {
        let store = try StateStore(directory: fixture.directory)
        try store.write(StoreFixture.checkpoint(version: 1, items: 0..<3, users: 0..<3))
        let before = try StoreContents(store)
        let part = fixture.directory + "/state.starts.json.part"
        try FileManager.default.createSymbolicLink(atPath: part, withDestinationPath: "/dev/full")
        var checkpoint = StoreFixture.checkpoint(version: 2, items: 0..<4, users: 0..<4)
        let place = TopicPartition(topic: "events", partition: 9)
        (checkpoint.offsets[place], checkpoint.beginnings) = (5, [place: 5])
        #expect(throws: StateStoreError.diskFull(path: fixture.directory)) { try store.write(checkpoint) }
        #expect(try StoreContents(store) == before)
        try FileManager.default.removeItem(atPath: part)
        try store.write(checkpoint)
        #expect(try StoreContents(store).offsets[place] == 5)
    }

    @Test(arguments: [
        #"{"starts":[{"topic":"t","partition":0,"next":-9223372036854775808,"checkpoint":1,"isRecovered":true}]}"#,
        #"{"starts":[{"topic":"t","partition":-1,"next":1,"checkpoint":1}]}"#,
        #"{"starts":[{"topic":"t","partition":0,"next":1,"checkpoint":9223372036854775808}]}"#, #"{"starts":7}"#, "", "[]",
    ])
    func startsThatMakeNoSenseAreADamage(text: String) throws {
        try fixture.fill()
        try Data(text.utf8).write(to: URL(fileURLWithPath: fixture.directory + "/state.starts.json"))
        #expect(throws: StateStoreError.self) { try StateStore(reading: self.fixture.directory).unlearned() }
    }

    @Test func startsThatCannotBeReadStopARecoveryAndNoStart() throws {
        do {
            let store = try StateStore(directory: fixture.directory)
            try store.write(StoreFixture.checkpoint(version: 1, items: 0..<5, users: 0..<5))
            try store.keepGeneration()
        }
        let path = fixture.directory + "/state.starts.json"
        try Data("{\"starts\":[{\"topic\":7}]}".utf8).write(to: URL(fileURLWithPath: path))
        _ = try StateStore(directory: fixture.directory)
        try fixture.replace(with: [UInt8](repeating: 0x5A, count: 5000))
        let before = try fixture.bytes()
        do throws(StateStoreError) {
            _ = try StateInspection.recover(directory: fixture.directory)
            Issue.record("recovered without knowing where reading began")
        } catch {
            #expect(error.description.contains("state.starts.json cannot be read"))
        }
        #expect(try fixture.bytes() == before)
    }

    @Test func aPartitionThatWasHandedOverBeforeTheGenerationStaysSo() throws {
        do {
            let store = try StateStore(directory: fixture.directory)
            var checkpoint = StoreFixture.checkpoint(version: 1, items: 0..<5, users: 0..<5)
            checkpoint.offsets[TopicPartition(topic: "events", partition: 5)] = 9
            checkpoint.beginnings[TopicPartition(topic: "events", partition: 5)] = 7
            try store.write(checkpoint)
            try store.write(StoreFixture.checkpoint(version: 2, items: 0..<5, users: 0..<5))
            try store.keepGeneration()
            try store.write(StoreFixture.checkpoint(version: 3, items: 0..<5, users: 0..<5))
        }
        try fixture.replace(with: [UInt8](repeating: 0x5A, count: 5000))
        _ = try StateInspection.recover(directory: fixture.directory)
        #expect(try StateStore(directory: fixture.directory).offsets() == [TopicPartition(topic: "events", partition: 2): 20])
    }

    @Test func aReaderDoesNotKeepARecoveredStateFromOpening() throws {
        try fixture.fill()
        do { try StateStore(directory: fixture.directory).keepGeneration() }
        try fixture.replace(with: [UInt8](repeating: 0x5A, count: 5000))
        _ = try StateInspection.recover(directory: fixture.directory)
        // A recovered file has no log yet; a reader in the middle of it is waited for.
        let (isReading, mayEnd) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let directory = fixture.directory
        let reader = Thread {
            do {
                var seen = 0
                try StateStore(reading: directory).forEachItem { _ in
                    seen += 1
                    guard seen == 1 else { return }
                    isReading.signal()
                    _ = mayEnd.wait(timeout: .now() + 0.2)
                }
            } catch { Issue.record("\(error)") }
        }
        reader.start()
        isReading.wait()
        #expect(try StateStore(directory: directory).modelDescription()?.modelVersion == 1)
        mayEnd.signal()
    }

    @Test func whatIsDamagedIsNeverKept() throws {
        try fixture.fill(items: 0..<500, users: 0..<500)
        do {
            let store = try StateStore(directory: fixture.directory)
            try store.keepGeneration()
        }
        let good = try Data(contentsOf: URL(fileURLWithPath: fixture.previous))
        // A payload changes on the disk, under SQLite's eyes: no tree is hurt.
        let queue = try DatabaseQueue(path: fixture.file)
        try queue.write { try $0.execute(sql: "UPDATE item SET payload = zeroblob(40) WHERE place = 77") }
        try queue.close()
        let store = try StateStore(directory: fixture.directory)
        #expect(throws: StateStoreError.self) { try store.keepGeneration() }
        #expect(try Data(contentsOf: URL(fileURLWithPath: fixture.previous)) == good)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.directory).allSatisfy { !$0.contains("part") })
        #expect(throws: StateStoreError.self) { try store.forEachItem { _ in } }
    }

    @Test func withoutAGenerationBeforeThereIsNothingToRecover() throws {
        try fixture.fill()
        #expect(throws: StateStoreError.noPrevious(path: fixture.directory)) { try StateInspection.recover(directory: self.fixture.directory) }
        #expect(throws: StateStoreError.nothingThere(path: "/nowhere")) { try StateInspection(directory: "/nowhere") }
    }

    @Test func aReaderBesideTheWriterSeesWholeCheckpoints() throws {
        let writer = try StateStore(directory: fixture.directory)
        #expect(throws: StateStoreError.self) { try StateStore(reading: self.fixture.directory + "/other") }
        try writer.write(StoreFixture.checkpoint(version: 1, items: 0..<20, users: 0..<20))
        let reader = try StateStore(reading: fixture.directory)
        let first = try StoreContents(reader)
        var seen = 0
        try reader.forEachItem { row in
            if row.index == 3 { try writer.write(StoreFixture.checkpoint(version: 2, items: 0..<40, users: 0..<5)) }
            seen += 1
        }
        #expect(seen == 20)
        #expect(first.model?.modelVersion == 1)
        #expect(try StoreContents(reader) == StoreContents(writer))
        #expect(throws: StateStoreError.self) { try reader.write(StoreFixture.checkpoint(version: 3, items: 0..<1, users: 0..<1)) }
    }

    @Test func copiesAreMadeWhenTheyAreDue() throws {
        let store = try StateStore(directory: fixture.directory)
        try store.write(StoreFixture.checkpoint(version: 1, items: 0..<5, users: 0..<5))
        let keeper = GenerationKeeper(store, interval: .seconds(600))
        let start = ContinuousClock.now
        keeper.keepIfDue(now: start)
        try outcome(of: keeper)
        try store.write(StoreFixture.checkpoint(version: 2, items: 0..<5, users: 0..<5))
        keeper.keepIfDue(now: start + .seconds(599))
        #expect(keeper.takeOutcome() == nil)
        #expect(try StateInspection(directory: fixture.directory).previous?.model?.version == 1)
        keeper.keepIfDue(now: start + .seconds(600))
        try outcome(of: keeper)
        let inspection = try StateInspection(directory: fixture.directory)
        #expect(inspection.previous?.model?.version == 2)
        #expect(inspection.current.checkpoints == 2)
        #expect(inspection.current.items == 5 && inspection.current.users == 5)
        #expect(inspection.current.offsets == [.init(topic: "events", partition: 2, next: 20)])
    }

    private func outcome(of keeper: GenerationKeeper) throws {
        for _ in 0..<10_000 {
            if let outcome = keeper.takeOutcome() {
                _ = try outcome.get()
                return
            }
            usleep(1000)
        }
        Issue.record("the copy did not end")
    }

    /// The tables as the first version wrote them.
    private static let firstFormat = """
        CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
        INSERT INTO grdb_migrations VALUES ('1');
        CREATE TABLE model (
            one INTEGER PRIMARY KEY CHECK (one = 1), encoder TEXT NOT NULL,
            dimensions INTEGER NOT NULL, version INTEGER NOT NULL) STRICT;
        CREATE TABLE item (place INTEGER PRIMARY KEY, id BLOB NOT NULL, payload BLOB NOT NULL) STRICT;
        CREATE TABLE user (
            id BLOB PRIMARY KEY, last_active INTEGER NOT NULL, payload BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE blob (name TEXT PRIMARY KEY, payload BLOB NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE offset (
            topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
            PRIMARY KEY (topic, partition)) STRICT, WITHOUT ROWID;
        PRAGMA application_id = 1718776680;
        PRAGMA user_version = 1;
        INSERT INTO model VALUES (1, 'gru', 16, 12);
        INSERT INTO item VALUES (0, x'69', x'0102'), (1, x'6a', x'');
        INSERT INTO user VALUES (x'75', 5, x'07'), (x'7600', 4, x'08');
        INSERT INTO blob VALUES ('learner', x'0a0b');
        INSERT INTO offset VALUES ('events', 3, 99);
        """

    @Test func aStateOfTheFirstFormatIsBroughtUpToDateAndKeptAsItWas() throws {
        try FileManager.default.createDirectory(atPath: fixture.directory, withIntermediateDirectories: true)
        let queue = try DatabaseQueue(path: fixture.file)
        try queue.writeWithoutTransaction { try $0.execute(sql: Self.firstFormat) }
        try queue.close()
        #expect(throws: StateStoreError.formatTooOld(path: fixture.directory, format: 1)) {
            try StateStore(reading: self.fixture.directory)
        }
        let store = try StateStore(directory: fixture.directory)
        let contents = try StoreContents(store)
        #expect(contents.model == ModelDescription(encoder: "gru", dimensions: 16, modelVersion: 12))
        #expect(contents.items.map(\.payload) == [[1, 2], []])
        #expect(contents.items.map(\.id.text) == ["i", "j"])
        #expect(contents.users.map(\.id.text) == ["u", "v\u{0}"])
        #expect(contents.users.map(\.lastActive) == [5, 4])
        #expect(contents.blobs == ["learner": [10, 11]])
        #expect(contents.offsets.values.map { $0 } == [99])
        let inspection = try StateInspection(directory: fixture.directory)
        #expect(inspection.current.format == 4 && inspection.current.integrity == "ok")
        #expect(inspection.previous?.format == 1)
        try store.write(StoreFixture.checkpoint(version: 13, items: 0..<3, users: 0..<3))
        #expect(try StoreContents(store).items.count == 3)
    }

    @Test func anOlderGenerationIsRecoveredToo() throws {
        try FileManager.default.createDirectory(atPath: fixture.directory, withIntermediateDirectories: true)
        let queue = try DatabaseQueue(path: fixture.file)
        try queue.writeWithoutTransaction { try $0.execute(sql: Self.firstFormat) }
        try queue.close()
        do { _ = try StateStore(directory: fixture.directory) }
        try fixture.replace(with: [UInt8](repeating: 0x5A, count: 5000))
        #expect(try StateInspection.recover(directory: fixture.directory) == "state.damaged-1.sqlite")
        #expect(try StateStore(directory: fixture.directory).modelDescription()?.modelVersion == 12)
    }
}
