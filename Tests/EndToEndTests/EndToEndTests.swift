import Events
import Foundation
import FoundationNetworking
import Streaming
import Testing

/// The real executable against an embedded broker, over loopback.
@Suite(.serialized) struct EndToEndTests {
    /// A port that was free a moment ago.
    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0 }
        }
        try #require(bound)
        return Int(UInt16(bigEndian: address.sin_port))
    }

    static func get(_ port: Int, _ path: String) async -> (status: Int, body: String)? {
        guard let url = URL(string: "http://127.0.0.1:\(port)\(path)") else { return nil }
        do {
            let (data, response) = try await URLSession.shared.data(for: URLRequest(url: url, timeoutInterval: 5))
            return ((response as? HTTPURLResponse)?.statusCode ?? 0, String(decoding: data, as: UTF8.self))
        } catch {
            return nil
        }
    }

    /// Waits for a status at most two minutes: as long as a broker may be away.
    static func wait(_ port: Int, _ path: String, for status: Int) async throws -> Bool {
        for _ in 0..<1200 {
            if await get(port, path)?.status == status { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }

    private func lists(_ records: [KafkaRecord]) throws -> [PublishedList] {
        try records.map { try JSONDecoder().decode(PublishedList.self, from: Data($0.value ?? [])) }
    }

    /// Visits of a circle of items: what comes next is certain.
    private func events(_ count: Int, from first: Int) -> [(user: String, item: String)] {
        (first..<first + count).map { place in ("u\(place / 5 % 30)", "i\((place / 5 * 3 + place % 5) % 10)") }
    }

    @Test(.enabled(if: BrokerKind.realServers != nil, "FRESHET_TEST_BOOTSTRAP names no broker: the suite ran against the embedded one alone"))
    func theSuiteRanAgainstARealBroker() throws {
        let kafka = KafkaConfiguration(bootstrapServers: try #require(BrokerKind.realServers), groupID: "probe")
        _ = try ClusterProbe.topics(of: kafka, timeout: .seconds(30))
        #expect(BrokerKind.available.count == 2)
    }

    @Test(arguments: BrokerKind.available) func eventsInListsOutThroughKillAndRestart(kind: BrokerKind) async throws {
        let cluster = try Cluster(kind)
        let port = try Self.freePort()
        // A step an event, however they are polled.
        let arguments = cluster.arguments(port: port, extra: ["learning.reproducible=true"])
        let first = try Executable(arguments)
        #expect(try await Self.wait(port, "/livez", for: 200))
        #expect(try await Self.wait(port, "/readyz", for: 200))
        try cluster.send(events: events(600, from: 0), from: 0)
        let before = try cluster.read("recommendations") { $0.count >= 600 }
        #expect(before.count == 600)
        // Killed in the middle of what comes now.
        try cluster.send(events: events(300, from: 600), from: 600)
        first.kill()
        try cluster.send(events: events(100, from: 900), from: 900)

        let second = try Executable(arguments)
        let records = try cluster.read("recommendations") { Set($0.compactMap(\.sourceText)).count >= 1000 }
        let published = try lists(records)
        // Every event has its list; what was under way at the kill may have two.
        #expect(Set(published.map(\.source)).count == 1000)
        for (record, list) in zip(records, published) {
            #expect(record.key == Array(list.user.utf8))
            #expect(list.items.map(\.score) == list.items.map(\.score).sorted(by: >))
            #expect(Set(list.items.map(\.item)).count == list.items.count)
            #expect(list.items.allSatisfy { Set((0..<10).map { "i\($0)" }).contains($0.item) })
            #expect(list.as_of <= list.generated_at)
        }
        // Sessions and the model went on: every event but a user's first is one step, learned once, whatever
        // was read again after the kill.
        var report: [String: Any] = [:]
        for _ in 0..<100 where report["modelVersion"] as? Int != 970 {
            let status = try #require(await Self.get(port, "/v1/status"))
            report = try #require(try JSONSerialization.jsonObject(with: Data(status.body.utf8)) as? [String: Any])
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(report["modelVersion"] as? Int == 970)
        #expect(report["users"] as? Int == 30)
        #expect(report["items"] as? Int == 10)
        let list = try #require(await Self.get(port, "/v1/users/u1/recommendations?count=3&exclude=none"))
        #expect(list.status == 200 && !list.body.contains("fallback"))
        let unknown = try #require(await Self.get(port, "/v1/users/nobody/recommendations"))
        #expect(unknown.body.contains(#""fallback":"popular""#))
        #expect(second.drain() == 0)

        // A third run has nothing to do: what was drained is committed and learned.
        let third = try Executable(arguments)
        #expect(try await Self.wait(port, "/readyz", for: 200))
        try cluster.send(events: [("u1", "i1")], from: 5000)
        let after = try cluster.read("recommendations") { Set($0.compactMap(\.sourceText)).count >= 1001 }
        #expect(after.count == records.count + 1)
        #expect(third.drain() == 0)
    }

    @Test(arguments: BrokerKind.available) func eachBrokenRuleIsADeadLetterAndTheStreamGoesOn(kind: BrokerKind) async throws {
        let cluster = try Cluster(kind)
        let port = try Self.freePort()
        let long = String(repeating: "x", count: 257)
        let time = #""timestamp":1767225600000"#
        let broken: [(reason: String, key: String?, value: String)] = [
            ("not_json", "k", "nonsense"), ("not_json", "k", ""), ("not_json", "k", "\u{0}\u{1}"),
            ("missing_user", nil, #"{"item":"i",\#(time)}"#), ("invalid_user", "k", #"{"user":{},"item":"i",\#(time)}"#),
            ("invalid_user", "k", #"{"user":"\#(long)","item":"i",\#(time)}"#), ("missing_item", "k", #"{"user":"u",\#(time)}"#),
            ("invalid_item", "k", #"{"user":"u","item":[],\#(time)}"#), ("invalid_type", "k", #"{"user":"u","item":"i","type":1,\#(time)}"#),
            ("invalid_timestamp", "k", #"{"user":"u","item":"i","timestamp":"soon"}"#),
            ("timestamp_out_of_range", "k", #"{"user":"u","item":"i","timestamp":99999999999999}"#),
            ("invalid_value", "k", #"{"user":"u","item":"i","value":"x",\#(time)}"#),
            ("invalid_id", "k", #"{"user":"u","item":"i","id":{},\#(time)}"#),
            ("too_large", "k", #"{"user":"u","item":"i","pad":"\#(String(repeating: "y", count: 70_000))",\#(time)}"#),
            ("too_deep", "k", #"{"user":"u","item":"i","pad":\#(String(repeating: "[", count: 1100))\#(String(repeating: "]", count: 1100)),\#(time)}"#),
        ]
        let daemon = try Executable(cluster.arguments(port: port))
        try cluster.send(broken.map { ($0.key, Array($0.value.utf8)) })
        // A tombstone without a user is broken too; one with a user forgets.
        try cluster.send([(nil, nil)])
        try cluster.send(events: [("gone", "i1"), ("good", "i2")], from: 0)
        try cluster.send([("gone", nil)])
        let letters = try cluster.read("events.dlq") { $0.count >= broken.count + 1 }
        #expect(letters.count == broken.count + 1)
        for letter in broken {
            let found = letters.first { $0.value == Array(letter.value.utf8) }
            #expect(found != nil, "\(letter.reason) is missing")
            #expect(found?.key == letter.key.map { Array($0.utf8) })
            let headers = Dictionary((found?.headers ?? []).map { ($0.name, String(decoding: $0.value ?? [], as: UTF8.self)) }) { first, _ in first }
            #expect(headers["__connect.errors.exception.class.name"] == "freshet.EventRefusal." + letter.reason)
            #expect(headers["__connect.errors.topic"] == cluster.topic("events"))
            #expect(Int(headers["__connect.errors.partition"] ?? "") != nil && Int(headers["__connect.errors.offset"] ?? "") != nil)
            #expect(headers["__connect.errors.exception.message"]?.isEmpty == false)
        }
        let answers = try cluster.read("recommendations") { $0.count >= 3 }
        #expect(answers.count == 3)
        #expect(answers.contains { $0.key == Array("gone".utf8) && $0.value == nil })
        // Reports are half a second old at most.
        var metrics = try #require(await Self.get(port, "/metrics"))
        for _ in 0..<100 where !metrics.body.contains(#"result="rejected"} 16.0"#) {
            try await Task.sleep(for: .milliseconds(100))
            metrics = try #require(await Self.get(port, "/metrics"))
        }
        #expect(metrics.body.contains(#"freshet_events_total{result="rejected"} 16.0"#))
        #expect(metrics.body.contains(#"freshet_dead_letters_total{reason="not_json"} 3.0"#))
        #expect(daemon.drain() == 0)
    }

    @Test func startsWhileKafkaIsDownAndGoesOnWhenItComes() async throws {
        let cluster = try Cluster()
        let port = try Self.freePort()
        let broker = try #require(cluster.broker)
        broker.setBroker(1, isUp: false)
        let daemon = try Executable(cluster.arguments(port: port))
        #expect(try await Self.wait(port, "/livez", for: 200))
        let verbose = try #require(await Self.get(port, "/readyz?verbose"))
        #expect(verbose.status == 503)
        #expect(verbose.body.contains("[-] kafka"))
        #expect(verbose.body.contains("[+] disk"))
        broker.setBroker(1, isUp: true)
        #expect(try await Self.wait(port, "/readyz", for: 200))
        try cluster.send(events: [("u", "i")], from: 0)
        #expect(try cluster.read("recommendations") { $0.count >= 1 }.count == 1)
        #expect(daemon.drain() == 0)
    }

    @Test func aBrokenConfigurationListsEveryProblemAndExits78() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-\(UUID().uuidString).yaml").path
        try "kafka:\n  group: x\nmodel:\n  dimensions: 63\nhttp:\n  listen: nowhere\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { do { try FileManager.default.removeItem(atPath: path) } catch {} }
        for command in ["check", "run"] {
            let result = try Executable.run([command, "--config", path])
            #expect(result.code == 78)
            for text in ["line 2: kafka.group", "line 4: model.dimensions", "line 6: http.listen"] { #expect(result.errors.contains(text)) }
        }
        #expect(try Executable.run(["fly"]).code == 64)
        #expect(try Executable.run(["--help"]).code == 0)
        #expect(try Executable.run(["check", "--config", "/nowhere.yaml"]).code == 78)
    }

    @Test func aStateThatDoesNotFitExits74AndIsLeftAsItIs() throws {
        let cluster = try Cluster()
        try FileManager.default.createDirectory(atPath: cluster.stateDirectory, withIntermediateDirectories: true)
        let file = cluster.stateDirectory + "/state.sqlite"
        try Data(repeating: 0x41, count: 9000).write(to: URL(fileURLWithPath: file))
        let result = try Executable.run(cluster.arguments(port: try Self.freePort()))
        #expect(result.code == 74)
        #expect(result.errors.contains("damaged"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == Data(repeating: 0x41, count: 9000))
    }
}

extension KafkaRecord {
    /// The `source` of the list in this record, as text: cheap to compare.
    var sourceText: String? {
        guard let value, let start = String(decoding: value, as: UTF8.self).range(of: #""source":"#) else { return nil }
        return String(String(decoding: value, as: UTF8.self)[start.upperBound...])
    }
}
