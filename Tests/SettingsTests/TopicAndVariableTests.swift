import Foundation
import Testing

@testable import Settings

/// What reads well and cannot work, and what was meant for the configuration and is none of it.
@Suite struct TopicAndVariableTests {
    private func problems(_ overrides: [String], environment: [String: String] = [:]) -> [String] {
        do throws(SettingsError) {
            _ = try Settings.load(file: nil, environment: environment, overrides: overrides)
            return []
        } catch .invalid(let problems) {
            return problems.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }

    @Test(arguments: [
        (["topics.dead_letters=events"], "topics.dead_letters"), (["topics.recommendations=events"], "topics.recommendations"),
        (["topics.sessions=events"], "topics.sessions"), (["topics.sessions=recommendations"], "topics.sessions"),
        (["topics.dead_letters=recommendations"], "topics.dead_letters"), (["topics.sessions=events.dlq"], "topics.sessions"),
        (["topics.events=^events.*"], "events.dlq"), (["topics.events=^.*$"], "__consumer_offsets"),
        (["topics.events=^(clicks|recommendations)$"], "recommendations"), (["topics.events=^shop", "topics.sessions=shop-sessions"], "shop-sessions"),
        (["topics.events=^("], "topics.events"),
        (["topics.events=."], "topics.events"), (["topics.dead_letters=.."], "topics.dead_letters"), (["topics.events=a b"], "topics.events"),
        (["topics.recommendations=läden"], "topics.recommendations"), (["topics.sessions=a/b"], "topics.sessions"),
        (["topics.events=" + String(repeating: "e", count: 250)], "topics.events"), (["topics.recommendations=^out"], "topics.recommendations"),
    ])
    func topicsThatCannotWorkAreRefused(overrides: [String], named: String) {
        let found = problems(overrides)
        #expect(found.contains { $0.contains(named) }, "\(found)")
    }

    @Test(arguments: [
        ["topics.events=^events$"], ["topics.events=^clicks\\\\."], ["topics.events=" + String(repeating: "e", count: 249)],
        ["topics.events=Clicks_2-a.b", "topics.sessions=..."],
    ])
    func topicsThatWorkAreTaken(overrides: [String]) { #expect(problems(overrides) == []) }

    @Test(arguments: [
        "FRESHET_KAFKA_BOOTSTRAP_SERVER", "FRESHET_KAFKA_GROUPID", "FRESHET_MODEL", "FRESHET_CONFIG", "FRESHET_TOPICS__EVENTS", "FRESHET_PORT",
    ])
    func aVariableThatNoKeyHasIsRefused(name: String) {
        let found = problems([], environment: [name: "8080"])
        #expect(found.count == 1 && found[0].contains(name), "\(found)")
    }

    @Test func aVariableThatIsNearlyAKeysIsToldWhich() {
        let found = problems([], environment: ["FRESHET_KAFKA_BOOTSTRAP_SERVER": "broker:9092"])
        #expect(found.first?.contains("FRESHET_KAFKA_BOOTSTRAP_SERVERS") == true, "\(found)")
    }

    /// Kubernetes tells every pod of every service; the others are not the configuration's.
    @Test func variablesOfOthersAreLeftAlone() {
        let others = [
            "FRESHET_SERVICE_HOST": "10.0.0.1", "FRESHET_SERVICE_PORT": "8080", "FRESHET_SERVICE_PORT_HTTP": "8080",
            "FRESHET_PORT": "tcp://10.0.0.1:8080", "FRESHET_PORT_8080_TCP": "tcp://10.0.0.1:8080", "FRESHET_PORT_8080_TCP_ADDR": "10.0.0.1",
            "FRESHET_HTTP_PORT": "tcp://10.0.0.1:8080", "FRESHET_HTTP_SERVICE_HOST": "10.0.0.1", "FRESHET_ISA": "avx2", "FRESHET_TEST_BOOTSTRAP": "x",
            "PATH": "/bin",
        ]
        #expect(problems([], environment: others) == [])
    }

    @Test func anEmptyListIsToldWhereItMayBeAMistake() {
        for key in ["recommendations.exclude", "learning.purchase_types"] {
            let name = "FRESHET_" + key.uppercased().replacing(".", with: "_")
            #expect(problems([], environment: [name: ""]) == ["\(key): is empty: write [] for nothing"])
            #expect(problems([], environment: [name: "[]"]) == [])
            #expect(problems(["\(key)="]).count == 1)
        }
    }

    @Test(arguments: ["", "\n", "# all of it is a comment\n", "{}\n", "---\n"])
    func anEmptyFileIsTheDefaultsAtTheStartAndRefusedWhileRunning(text: String) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-empty-\(UUID().uuidString).yaml").path
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        defer { do { try FileManager.default.removeItem(atPath: path) } catch {} }
        #expect(throws: SettingsError.empty(path: path)) {
            try Settings.load(file: path, environment: [:], overrides: ["recommendations.count=3"], emptyFile: .isRefused)
        }
        #expect(try Settings.load(file: path, environment: [:], overrides: ["recommendations.count=3"]).recommendations.count == 3)
    }
}
