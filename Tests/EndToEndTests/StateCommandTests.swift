import Foundation
import Testing

/// The commands that look at a state directory, on one that the real daemon wrote.
@Suite(.serialized) struct StateCommandTests {
    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    /// Every file of the directory with its bytes.
    private func files(_ directory: String) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            files[name] = try Data(contentsOf: URL(fileURLWithPath: directory + "/" + name))
        }
        return files
    }

    /// A state of 30 users who walk a circle of ten items, in two runs: the generation before is of the
    /// beginning of the second.
    private func makeState(_ cluster: Cluster) async throws {
        for run in 0..<2 {
            let port = try EndToEndTests.freePort()
            let daemon = try Executable(cluster.arguments(port: port))
            if run == 1 { try await wait { FileManager.default.fileExists(atPath: cluster.stateDirectory + "/state.previous.sqlite") } }
            let events = (0..<300).map { place in
                let (user, step) = (place / 20 + 15 * run, place % 20)
                return (user: "u\(user)", item: "i\((user + step) % 10)")
            }
            try cluster.send(events: events, from: 300 * run)
            #expect(try cluster.read("recommendations") { $0.count >= 300 * (run + 1) }.count == 300 * (run + 1))
            // Beside the daemon: nothing is locked.
            let beside = try Executable.run(["inspect", "--state", cluster.stateDirectory])
            #expect(beside.code == 0, "\(beside.errors)")
            var status = ""
            try await wait {
                status = (try? Executable.run(["status", "--url", "http://127.0.0.1:\(port)"]).output) ?? ""
                return status.contains("300 accepted")
            }
            for word in ["10 items, \(15 * (run + 1)) users", "popular", "events[0]"] { #expect(status.contains(word), "\(status)") }
            #expect(daemon.drain() == 0)
        }
    }

    /// At most half a minute.
    private func wait(_ isDone: () -> Bool) async throws {
        for _ in 0..<300 {
            if isDone() { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("it did not come")
    }

    @Test func aStateIsInspectedListedFromAndRecovered() async throws {
        let cluster = try Cluster()
        try await makeState(cluster)
        let state = cluster.stateDirectory
        let before = try files(state)["state.sqlite"]

        let text = try Executable.run(["inspect", "--state", state])
        #expect(text.code == 0)
        for word in ["integrity    ok", "items        10", "users        30", "next offset  events[1]"] {
            #expect(text.output.contains(word), "\(text.output)")
        }
        let inspected = try object(try Executable.run(["inspect", "--state", state, "--format", "json"]).output)
        let current = try #require(inspected["current"] as? [String: Any])
        #expect(current["integrity"] as? String == "ok")
        #expect(current["items"] as? Int == 10 && current["users"] as? Int == 30)
        let offsets = try #require(current["offsets"] as? [[String: Any]])
        #expect(offsets.compactMap { $0["next"] as? Int }.reduce(0, +) == 600)

        let list = try Executable.run(["recommend", "--state", state, "--items", "i3,i4,i5", "--count", "3", "--format", "json"])
        #expect(list.code == 0, "\(list.errors)")
        let items = try #require(try object(list.output)["items"] as? [[String: Any]])
        #expect(items.count == 3)
        #expect(items.first?["item"] as? String == "i6", "after i5 comes i6: \(list.output)")
        let unknown = try Executable.run(["recommend", "--state", state, "--items", "nobody-knows"])
        #expect(unknown.code == 0 && unknown.errors.contains("popular"))
        #expect(try Executable.run(["recommend", "--state", state, "--items", "a", "--count", "0"]).code == 64)
        // Nothing of this wrote anything.
        #expect(try files(state)["state.sqlite"] == before)
        #expect(try Executable.run(["inspect", "--state", "/nowhere"]).code == 64)
        #expect(try Executable.run(["recommend", "--state", "/nowhere", "--items", "a"]).code == 64)

        // Damage: told apart by every command, and got over.
        var damaged = try #require(before)
        for place in stride(from: 5000, to: damaged.count, by: 997) { damaged[place] ^= 0x55 }
        try damaged.write(to: URL(fileURLWithPath: state + "/state.sqlite"))
        for arguments in [["inspect", "--state", state], ["recommend", "--state", state, "--items", "i1"], cluster.arguments(port: try EndToEndTests.freePort())] {
            let result = try Executable.run(arguments)
            #expect(result.code == 74, "\(arguments[0])")
            #expect(result.errors.contains("damaged") && result.errors.contains("--recover"), "\(result.errors)")
        }
        #expect(try files(state)["state.sqlite"] == damaged)
        let recovered = try Executable.run(["inspect", "--state", state, "--recover"])
        #expect(recovered.code == 0, "\(recovered.errors)")
        #expect(recovered.errors.contains("state.damaged-1.sqlite"))
        #expect(try files(state)["state.damaged-1.sqlite"] == damaged)
        // What is sound is left alone.
        let sound = try files(state)["state.sqlite"]
        #expect(try Executable.run(["inspect", "--state", state, "--recover"]).errors.contains("nothing to recover"))
        #expect(try files(state)["state.sqlite"] == sound)
        // The daemon reads what came since that generation again, and ends where it was.
        let daemon = try Executable(cluster.arguments(port: try EndToEndTests.freePort()))
        try await wait { learned(state) == 600 }
        #expect(daemon.drain() == 0)
    }

    /// Events that the newest checkpoint stands for.
    private func learned(_ state: String) -> Int? {
        guard let output = try? Executable.run(["inspect", "--state", state, "--format", "json"]).output,
            let current = try? object(output)["current"] as? [String: Any],
            let offsets = current["offsets"] as? [[String: Any]]
        else { return nil }
        return offsets.compactMap { $0["next"] as? Int }.reduce(0, +)
    }

    @Test(arguments: [
        ["model.encoder=gru"], ["model.dimensions=32"], ["learning.temperature=0"], ["model.max_items=16", "sessions.max_users=5"],
    ])
    func settingsThatDoNotFitTheStateAreASentence(overrides: [String]) async throws {
        let cluster = try Cluster()
        try await makeState(cluster)
        let before = try files(cluster.stateDirectory)["state.sqlite"]
        let result = try Executable.run(cluster.arguments(port: try EndToEndTests.freePort(), extra: overrides))
        #expect(result.code == 78)
        let sentences = result.errors.split(separator: "\n").filter { $0.hasPrefix("freshet: ") }
        #expect(sentences.count == 1, "\(result.errors)")
        #expect(result.errors.contains(overrides[overrides.count - 1].split(separator: "=")[0]), "\(result.errors)")
        #expect(try files(cluster.stateDirectory)["state.sqlite"] == before)
    }

    /// Kafka away, a token file as Windows writes it: the status says what is, and claims no lag.
    @Test func theStatusWithoutABrokerClaimsNothing() async throws {
        let cluster = try Cluster()
        try #require(cluster.broker).setBroker(1, isUp: false)
        let port = try EndToEndTests.freePort()
        let token = FileManager.default.temporaryDirectory.appendingPathComponent("token-\(UUID().uuidString)").path
        try "secret\r\n".write(toFile: token, atomically: true, encoding: .utf8)
        defer { do { try FileManager.default.removeItem(atPath: token) } catch {} }
        let daemon = try Executable(cluster.arguments(port: port, extra: ["http.token_file=\(token)"]))
        #expect(try await EndToEndTests.wait(port, "/livez", for: 200))
        let status = try Executable.run(["status", "--url", "http://127.0.0.1:\(port)", "--token-file", token])
        #expect(status.code == 0, "\(status.errors)")
        for words in ["lag          unknown", "NOT READY    kafka: not reached yet"] { #expect(status.output.contains(words), "\(status.output)") }
        #expect(!status.output.contains("lag          0"))
        #expect(daemon.drain() == 0)
    }

    @Test func aDaemonThatIsNotThereIsASentence() throws {
        let result = try Executable.run(["status", "--url", "http://127.0.0.1:\(try EndToEndTests.freePort())"])
        #expect(result.code == 69)
        #expect(result.errors.contains("nobody answers"))
        #expect(try Executable.run(["status", "--url", "nowhere"]).code == 64)
    }
}
