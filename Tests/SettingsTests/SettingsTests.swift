import Foundation
import Testing

@testable import Settings

@Suite struct SettingsTests {
    private func problems(_ overrides: [String], file: String? = nil) -> [SettingsProblem] {
        do throws(SettingsError) {
            _ = try Settings.load(file: file, environment: [:], overrides: overrides)
            return []
        } catch .invalid(let problems) {
            return problems
        } catch {
            return [SettingsProblem(key: "file", line: nil, message: "\(error)")]
        }
    }

    private static let reference = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("config/freshet.yaml").path

    @Test func referenceFileIsTheDefaults() throws {
        let defaults = try Settings.load(file: nil, environment: [:], overrides: [])
        let reference = try Settings.load(file: Self.reference, environment: [:], overrides: [])
        #expect(reference.changes(to: defaults).applied == [])
        #expect(reference.changes(to: defaults).refused == [])
        #expect(reference.learning == defaults.learning)
        #expect(reference.topics == defaults.topics)
    }

    @Test func referenceFileNamesEveryKey() throws {
        let text = try String(contentsOfFile: Self.reference, encoding: .utf8)
        for key in Settings.allKeys {
            let name = try #require(key.split(separator: ".").last)
            #expect(text.contains("\(name):"), "\(key) is not in config/freshet.yaml")
        }
    }

    @Test func overridesWinOverEnvironmentOverFile() throws {
        let environment = ["FRESHET_KAFKA_GROUP_ID": "environment", "FRESHET_TOPICS_EVENTS": "clicks"]
        let settings = try Settings.load(
            file: Self.reference, environment: environment, overrides: ["kafka.group_id=override"])
        #expect(settings.kafka.groupID == "override")
        #expect(settings.topics.events == "clicks")
        #expect(settings.topics.recommendations == "recommendations")
    }

    @Test func listsEveryProblemAtOnceWithItsLine() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-settings-\(getpid()).yaml").path
        let yaml = "kafka:\n  group_idd: x\nmodel:\n  dimensions: 63\nrecommendations:\n  count: many\n  exclude: [bought]\n"
        try yaml.write(toFile: path, atomically: true, encoding: .utf8)
        defer { do { try FileManager.default.removeItem(atPath: path) } catch {} }
        let found = problems([], file: path)
        #expect(found.map(\.key) == ["kafka.group_idd", "model.dimensions", "recommendations.count", "recommendations.exclude"])
        #expect(found.map(\.line) == [2, 4, 6, 7])
        #expect(found.first?.message.contains("kafka.group_id") == true)
    }

    @Test(arguments: [
        "learning.loss=hinge", "learning.temperature=0.001", "learning.temperature=2", "learning.bpr_regularization=-1",
        "learning.gbce_calibration=1.5", "learning.row_optimizer=newton", "learning.half_life=-1", "learning.momentum=1",
    ]) func refusesALossOrAnOptimizerThatCannotBe(word: String) throws {
        let found = problems([word])
        #expect(found.map(\.key) == [String(word.prefix { $0 != "=" })])
    }

    @Test func distillationIsNotForEverything() {
        #expect(problems(["learning.distillation=1", "learning.temperature=0"]) == [])
        #expect(problems(["learning.distillation=1"]).map(\.key) == ["learning.distillation"])
        let reproducible = ["learning.distillation=1", "learning.temperature=0", "learning.reproducible=true"]
        #expect(problems(reproducible).map(\.key) == ["learning.distillation"])
        #expect(problems(["learning.distillation=-1"]).map(\.key) == ["learning.distillation"])
    }

    /// The default catalogue may become too large for it: that is told before the first event.
    @Test func aFullSoftmaxAsksForASmallCatalogue() throws {
        let found = problems(["learning.loss=full_softmax"])
        #expect(found.map(\.key) == ["learning.loss"])
        #expect(found.first?.message.contains("model.max_items to at most 50000") == true)
        #expect(problems(["learning.loss=full_softmax", "model.max_items=20000"]) == [])
    }

    @Test(arguments: [
        "model.encoder=transformer", "model.index=fast", "kafka.delivery=sometimes", "http.listen=nowhere", "sessions.length=1",
        "state.checkpoint_interval=10", "topics.events_fields.user=user", "learning.seed=-1", "topics.create=maybe",
        "recommendations.min_interval=2m", "model.threads=4", "model.convolution=deep", "model.convolution=Dilated", "model.convolution=",
    ]) func refuses(override: String) {
        #expect(problems([override]).count == 1)
    }

    @Test func eachInstanceHasATransactionalIDOfItsOwn() throws {
        let settings = try Settings.load(
            file: nil, environment: [:], overrides: ["kafka.delivery=exactly_once", "kafka.client_id=two"])
        #expect(settings.kafka.delivery == .exactlyOnce)
        #expect(settings.kafka.transactionalID == "freshet-two")
        let named = try Settings.load(file: nil, environment: [:], overrides: ["kafka.transactional_id=mine"])
        #expect(named.kafka.transactionalID == "mine")
    }

    @Test func listsThatWaitAndTransactionsDoNotGoTogether() {
        #expect(problems(["recommendations.min_interval=2s"]) == [])
        #expect(
            problems(["recommendations.min_interval=2s", "kafka.delivery=exactly_once"]).map(\.key)
                == ["recommendations.min_interval"])
    }

    /// No shell reads the configuration: a tilde in it would become a directory of that name.
    @Test func aTildeIsTheHomeOfTheUser() throws {
        let home = FileManager.default.homeDirectoryForCurrentUser.path
        func directory(_ text: String) throws -> String {
            try Settings.load(file: nil, environment: [:], overrides: ["state.directory=" + text]).state.directory
        }
        #expect(try directory("~/freshet") == home + "/freshet")
        #expect(try directory("/var/~x") == "/var/~x")
        #expect(problems(["state.directory=~nobody-of-this-name/x"]).map(\.key) == ["state.directory"])
        let token = FileManager.default.temporaryDirectory.appendingPathComponent("token-\(UUID().uuidString)").path
        try "secret\r\nsecond line\r\n".write(toFile: token, atomically: true, encoding: .utf8)
        defer { do { try FileManager.default.removeItem(atPath: token) } catch {} }
        // Up from the home to the root, and down again: a path that starts with the tilde and can be read.
        let up = String(repeating: "/..", count: home.split(separator: "/").count)
        let settings = try Settings.load(file: nil, environment: [:], overrides: ["http.token_file=~" + up + token])
        #expect(settings.http.token == "secret")
    }

    @Test func anAddressIsWrittenAsInAURL() throws {
        let http = try Settings.load(file: nil, environment: [:], overrides: ["http.listen=[::1]:8080"]).http
        #expect(http.host == "::1" && http.authority(port: 81) == "[::1]:81")
        #expect(try Settings.load(file: nil, environment: [:], overrides: []).http.authority(port: 1) == "127.0.0.1:1")
    }

    @Test func separatesWhatCanChangeWhileRunning() throws {
        let old = try Settings.load(file: nil, environment: [:], overrides: [])
        let new = try Settings.load(
            file: nil, environment: [:], overrides: ["recommendations.count=5", "model.dimensions=128", "model.convolution=dilated"])
        #expect(old.changes(to: new).applied == ["recommendations.count"])
        #expect(old.changes(to: new).refused == ["model.convolution", "model.dimensions"])
    }
}
