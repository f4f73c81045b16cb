import Events
import Foundation
import Testing

@testable import EventFiles

@Suite final class EventFileTests {
    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-files-\(UUID().uuidString)")
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)

    init() throws { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }

    deinit {
        do { try FileManager.default.removeItem(at: directory) } catch {}
    }

    private func file(_ name: String, _ content: Data) throws -> String {
        let url = directory.appendingPathComponent(name)
        try content.write(to: url)
        return url.path
    }

    private func read(_ path: String) throws -> (events: [Event], skipped: Int, problem: String?) {
        var reader = try EventFileReader(path: path, now: Self.now)
        var events: [Event] = []
        while let event = try reader.next() { events.append(event) }
        return (events, reader.skipped, reader.firstProblem)
    }

    @Test func readsTables() throws {
        let csv = "item,user,timestamp,type,value\r\n\"a,\"\"b\",u1,1767225600,purchase,2.5\r\ni2,u2,2026-01-01T00:00:00Z,,\n\ni3,u3,1767225600123"
        let read = try read(file("a.csv", Data(csv.utf8)))
        #expect(read.skipped == 0)
        #expect(read.events.map(\.item.text) == ["a,\"b", "i2", "i3"])
        #expect(read.events.map(\.type) == ["purchase", "view", "view"])
        #expect(read.events.map(\.value) == [2.5, nil, nil])
        #expect(read.events.map(\.timestamp.milliseconds) == [1_767_225_600_000, 1_767_225_600_000, 1_767_225_600_123])
        let tsv = try self.read(file("a.tsv", Data("timestamp\tuser\titem\n1767225600000\tu\ti,1\n".utf8)))
        #expect(tsv.events.map(\.item.text) == ["i,1"])
    }

    @Test func readsJSONLinesPlainAndGzip() throws {
        let lines = (0..<3000).map { #"{"user":"u\#($0)","item":\#($0),"timestamp":1767225600000}"# }.joined(separator: "\n")
        let plain = try read(file("a.jsonl", Data(lines.utf8)))
        #expect(plain.events.count == 3000)
        #expect(plain.events.last?.item.text == "2999")
        let path = try file("b.jsonl", Data(lines.utf8))
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        gzip.arguments = ["gzip", path]
        try gzip.run()
        gzip.waitUntilExit()
        #expect(gzip.terminationStatus == 0)
        let packed = try read(path + ".gz")
        #expect(packed.events == plain.events)
        // A file cut short is told apart from one that ended.
        let whole = try Data(contentsOf: URL(fileURLWithPath: path + ".gz"))
        let cut = try file("cut.gz", whole.prefix(whole.count / 2))
        #expect(throws: EventFileError.self) { _ = try self.read(cut) }
    }

    @Test func passesOverBadLinesAndSaysWhatWasWrongWithTheFirst() throws {
        let csv = "user,item,timestamp\nu1,i1,1767225600000\nu2,,1767225600000\nu3,i3,yesterday\nu4,i4,1767225600000,extra\n"
        let read = try read(file("bad.csv", Data(csv.utf8)))
        #expect(read.events.map(\.user.text) == ["u1", "u4"])
        #expect(read.skipped == 2)
        #expect(read.problem == "line 3, column 2 (item): nothing stands there")
    }

    @Test func refusesWhatIsNoFileOfEvents() throws {
        #expect(throws: EventFileError.self) { _ = try self.read(self.directory.path + "/missing.csv") }
        #expect(throws: EventFileError.self) { _ = try self.read(self.file("head.csv", Data("a,b,c\n1,2,3\n".utf8))) }
        #expect(throws: EventFileError.self) { _ = try self.read(self.file("none.csv", Data("user,item,timestamp\n,,\n".utf8))) }
        let empty = try file("empty", Data())
        #expect(throws: EventFileError.empty(path: empty)) { _ = try self.read(empty) }
        let header = try file("header.csv", Data("user,item,timestamp\n\n".utf8))
        #expect(throws: EventFileError.noEvents(path: header)) { _ = try self.read(header) }
        let long = Data("user,item,timestamp\n".utf8) + Data(repeating: 65, count: 3 << 20) + Data("\nu,i,1767225600000\n".utf8)
        let read = try read(file("long.csv", long))
        #expect(read.events.count == 1)
        #expect(read.skipped == 1)
    }
}
