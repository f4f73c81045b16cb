import Foundation
import FoundationNetworking
import Testing

/// `freshet evaluate` and `freshet train` as a person runs them.
@Suite struct EvaluateAndTrainTests {
    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-train-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }

    private func file(_ name: String, _ text: String) throws -> String {
        let url = directory.appendingPathComponent(name)
        try text.write(to: url, atomically: true, encoding: .utf8)
        return url.path
    }

    /// Visits of a circle of ten items.
    private func circle(_ count: Int, from first: Int = 0) -> String {
        (first..<first + count).map { place in
            "u\(place / 5),i\((place / 5 * 3 + place % 5) % 10),\(1_767_225_600_000 + place * 60_000)"
        }.reduce("user,item,timestamp\n") { $0 + $1 + "\n" }
    }

    private static let small = ["--set", "model.dimensions=16", "--set", "model.max_items=200", "--set", "learning.negatives=16"]

    /// One sentence on standard error, no trace, no table.
    private func expectRefusal(_ arguments: [String], code: Int32, saying words: String) throws {
        let outcome = try Executable.run(arguments)
        #expect(outcome.code == code, "\(arguments): \(outcome.errors)")
        #expect(outcome.errors.contains(words), "\(arguments): \(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }

    @Test func everyProtocolPrintsOneObject() throws {
        let events = try file("events.csv", circle(600))
        let test = try file("test.csv", circle(50, from: 600))
        for arguments in [
            ["prequential"], ["continual", "--period", "1h"], ["temporal", "--test", test], ["leave-one-out", "--exclude", "seen"],
        ] {
            let outcome = try Executable.run(
                ["evaluate", "--events", events, "--format", "json", "--protocol"] + arguments + Self.small)
            #expect(outcome.code == 0, "\(outcome.errors)")
            let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
            #expect(Set(object.keys) == ["protocol", "events", "scored", "cold", "seconds", "isa", "models"])
            #expect(object["protocol"] as? String == arguments[0])
            #expect((object["scored"] as? Int ?? 0) > 30, "\(arguments)")
            let models = try #require(object["models"] as? [String: [String: Double]])
            #expect(Set(models.keys).isSuperset(of: ["ensemble", "gru", "popular", "markov", "rules", "knn", "knn+rules"]))
        }
    }

    @Test func everythingThatCanBeAskedForIsPrintedAndDrawn() throws {
        let events = try file("events.csv", circle(600))
        let picture = directory.appendingPathComponent("quality.svg")
        let outcome = try Executable.run(
            ["evaluate", "--events", events, "--model", "gru", "--float", "--classify", "--freeze", "0.5", "--staleness", "20,100"]
                + ["--plot", picture.path] + Self.small)
        #expect(outcome.code == 0, "\(outcome.errors)")
        for words in ["gru/float", "log_loss", "int8 loses", "frozen at 50%", "20 events behind", "100 events behind"] {
            #expect(outcome.output.contains(words), "\(words)")
        }
        #expect(!outcome.output.contains("ensemble"))
        #expect(try String(contentsOf: picture, encoding: .utf8).hasPrefix("<svg"))
    }

    /// A model that is no member of the ensemble runs beside it.
    @Test func anyModelsCanBeMeasuredTogether() throws {
        let events = try file("events.csv", circle(300))
        let outcome = try Executable.run(
            ["evaluate", "--events", events, "--model", "ensemble,convolution", "--format", "json"] + Self.small)
        #expect(outcome.code == 0, "\(outcome.errors)")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        let models = try #require(object["models"] as? [String: [String: Double]])
        #expect(Set(models.keys) == ["ensemble", "convolution", "popular", "markov", "rules", "knn", "knn+rules"])
    }

    /// Weights go out and come in; what cannot come in changes nothing.
    @Test func weightsAreExportedAndImported() throws {
        let events = try file("events.csv", circle(300))
        let (state, other) = (directory.path + "/state", directory.path + "/other")
        let (weights, again) = (directory.path + "/weights.safetensors", directory.path + "/again.safetensors")
        let trained = try Executable.run(
            ["train", "--events", events, "--epochs", "1", "--model", "gru", "--state", state] + Self.small)
        #expect(trained.code == 0, "\(trained.errors)")
        let exported = try Executable.run(["export", "--state", state, "--output", weights] + Self.small)
        #expect(exported.code == 0, "\(exported.errors)")
        for (target, words) in [(other, "added"), (other, "0 added"), (state, "0 added")] {
            let imported = try Executable.run(["import", "--state", target, "--input", weights] + Self.small)
            #expect(imported.code == 0 && imported.output.contains(words), "\(imported)")
        }
        #expect(try Executable.run(["export", "--state", other, "--output", again] + Self.small).code == 0)
        let (first, second) = (
            try Data(contentsOf: URL(fileURLWithPath: weights)), try Data(contentsOf: URL(fileURLWithPath: again))
        )
        // But for the header, which tells another version.
        #expect(first.suffix(2000) == second.suffix(2000))

        let before = try Executable.run(["inspect", "--state", state, "--format", "json"]).output
        let cut = directory.path + "/cut.safetensors"
        try first.dropLast(100).write(to: URL(fileURLWithPath: cut))
        try expectRefusal(["import", "--state", state, "--input", cut] + Self.small, code: 64, saying: "no whole safetensors file")
        try expectRefusal(["import", "--state", state, "--input", events] + Self.small, code: 64, saying: "no whole safetensors file")
        try expectRefusal(["import", "--state", state, "--input", directory.path + "/none"] + Self.small, code: 64, saying: "none cannot be read")
        try expectRefusal(["export", "--state", directory.path + "/none", "--output", again], code: 64, saying: "there is no state")
        #expect(try Executable.run(["inspect", "--state", state, "--format", "json"]).output == before)
    }

    @Test func whatCannotBeRunIsOneSentence() throws {
        let events = try file("events.csv", circle(60))
        try expectRefusal(["evaluate", "--events", events, "--protocol", "temporal"], code: 64, saying: "--test FILE")
        try expectRefusal(["evaluate", "--events", events, "--test", events], code: 64, saying: "--test is for --protocol temporal")
        try expectRefusal(["evaluate", "--events", events, "--protocol", "continual", "--period", "0d"], code: 64, saying: "--period")
        try expectRefusal(["evaluate", "--events", events, "--freeze", "1.5"], code: 64, saying: "--freeze")
        try expectRefusal(["evaluate", "--events", events, "--staleness", "10,x"], code: 64, saying: "--staleness")
        try expectRefusal(["evaluate", "--events", events, "--model", "oracle"], code: 64, saying: "--model is oracle")
        try expectRefusal(["evaluate", "--events", events, "--epochs", "3"], code: 64, saying: "--epochs is for")
        try expectRefusal(["evaluate", "--events", directory.path + "/none.csv"], code: 64, saying: "none.csv cannot be opened")
        try expectRefusal(["evaluate", "--events", try file("empty.csv", "")], code: 64, saying: "is empty")
        try expectRefusal(
            ["evaluate", "--events", events, "--protocol", "temporal", "--test", directory.path + "/none.csv"], code: 64,
            saying: "none.csv cannot be opened")
        try expectRefusal(["train", "--events", events, "--epochs", "0", "--state", directory.path + "/s"], code: 64, saying: "--epochs")
        try expectRefusal(
            ["train", "--events", events, "--epochs", "1", "--model", "oracle", "--state", directory.path + "/s"], code: 78,
            saying: "model.encoder")
        try expectRefusal(
            ["train", "--events", try file("header.csv", "user,item,timestamp\n"), "--epochs", "1", "--state", directory.path + "/s"],
            code: 64, saying: "header.csv has a header and no event")
        let header = directory.path + "/header.csv"
        try expectRefusal(["evaluate", "--events", header, "--format", "json"], code: 64, saying: "header.csv has a header and no event")
        try expectRefusal(["evaluate", "--events", events, header], code: 64, saying: "header.csv has a header and no event")
        try expectRefusal(["demo", "--events", header], code: 64, saying: "header.csv has a header and no event")
        let bad = try file("bad.csv", "user,item,timestamp\nu,i,yesterday\n")
        for command in [["evaluate"], ["demo"], ["train", "--epochs", "1", "--state", directory.path + "/s"]] {
            try expectRefusal(command + ["--events", bad], code: 64, saying: #"line 2, column 3 (timestamp)"#)
        }
    }

    /// Newest first, or in files that follow each other the wrong way round: the stream is what happened.
    @Test func filesOutOfOrderAreSortedWithAWord() throws {
        let lines = circle(600).split(separator: "\n").map(String.init)
        func table(_ rows: some Sequence<String>) -> String { lines[0] + "\n" + rows.map { $0 + "\n" }.joined() }
        let sorted = try file("sorted.csv", circle(600))
        let reversed = try file("reversed.csv", table(lines[1...].reversed()))
        let (late, early) = (try file("late.csv", table(lines[301...])), try file("early.csv", table(lines[1...300])))
        func models(_ files: [String], says word: Bool) throws -> NSDictionary {
            let outcome = try Executable.run(
                ["evaluate", "--protocol", "continual", "--period", "1h", "--model", "gru", "--format", "json", "--events"] + files + Self.small)
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.errors.contains("stood after a later one; all were sorted") == word, "\(outcome.errors)")
            let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
            #expect((object["scored"] as? Int ?? 0) > 30)
            return try #require(object["models"] as? NSDictionary)
        }
        let expected = try models([sorted], says: false)
        #expect(try models([reversed], says: true) == expected)
        #expect(try models([late, early], says: true) == expected)
        #expect(try models([early, late], says: false) == expected)
    }

    @Test func aTrainedStateIsGoneOnWith() throws {
        let events = try file("events.csv", circle(600))
        let state = directory.path + "/state"
        let train = ["train", "--events", events, "--epochs", "3", "--batch-size", "16", "--validation", "0.2", "--state", state]
        let first = try Executable.run(train + Self.small)
        #expect(first.code == 0, "\(first.errors)")
        for words in ["600 events, 120 users", "epoch 1/3  loss", "held out: loss", "10 items, 120 users", "goes on from it"] {
            #expect(first.output.contains(words), "\(words): \(first.output)")
        }
        // What is there fits, and is gone on with.
        let more = try file("more.csv", circle(50, from: 600))
        let second = try Executable.run(
            ["train", "--events", more, "--epochs", "1", "--validation", "0", "--state", state] + Self.small)
        #expect(second.code == 0, "\(second.errors)")
        #expect(second.output.contains("going on from version"))
        #expect(second.output.contains("10 items, 130 users"), "\(second.output)")
        // What does not fit is left as it is.
        let before = try Data(contentsOf: URL(fileURLWithPath: state + "/state.sqlite"))
        let other = try Executable.run(["train", "--events", events, "--epochs", "1", "--state", state, "--set", "model.dimensions=32"])
        #expect(other.code == 78)
        #expect(other.errors.contains("set model.dimensions to 16"), "\(other.errors)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: state + "/state.sqlite")) == before)
    }

    /// The network behind a convolution is chosen once for a state; another one is told, and nothing is written.
    @Test func aConvolutionIsLearnedByTheNetworkThatIsChosen() throws {
        let events = try file("events.csv", circle(300))
        let state = directory.path + "/state"
        let train = ["train", "--events", events, "--epochs", "1", "--model", "convolution", "--state", state] + Self.small
        try expectRefusal(train + ["--set", "model.convolution=deep"], code: 78, saying: "model.convolution")
        let trained = try Executable.run(train + ["--set", "model.convolution=dilated"])
        #expect(trained.code == 0, "\(trained.errors)")
        let inspected = try Executable.run(["inspect", "--state", state])
        #expect(inspected.output.contains("convolution:dilated"), "\(inspected.output)")
        let before = try Data(contentsOf: URL(fileURLWithPath: state + "/state.sqlite"))
        let other = try Executable.run(train)
        #expect(other.code == 78)
        #expect(other.errors.contains("set model.convolution to dilated, or name another state.directory"), "\(other.errors)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: state + "/state.sqlite")) == before)
        // Who only reads it takes over what it says.
        let list = try Executable.run(["recommend", "--state", state, "--items", "i1", "--count", "3"] + Self.small)
        #expect(list.code == 0, "\(list.errors)")
        let weights = directory.path + "/weights.safetensors"
        let exported = try Executable.run(["export", "--state", state, "--output", weights] + Self.small)
        #expect(exported.code == 0 && exported.output.contains("convolution:dilated"), "\(exported)")
    }

    @Test func theDaemonGoesOnFromATrainedState() async throws {
        let events = try file("events.csv", circle(600))
        let cluster = try Cluster()
        let state = directory.path + "/state"
        let trained = try Executable.run(["train", "--events", events, "--epochs", "2", "--state", state] + Self.small)
        #expect(trained.code == 0, "\(trained.errors)")
        let port = 20_000 + Int(ProcessInfo.processInfo.processIdentifier % 20_000)
        let daemon = try Executable(
            cluster.arguments(
                port: port,
                extra: ["state.directory=\(state)"] + Self.small.filter { $0 != "--set" }))
        var status: (items: Int, users: Int)?
        for _ in 0..<600 where status == nil {
            try await Task.sleep(for: .milliseconds(100))
            guard let url = URL(string: "http://127.0.0.1:\(port)/v1/status") else { break }
            guard let (data, _) = try? await URLSession.shared.data(from: url),
                let object = try JSONSerialization.jsonObject(with: data) as? [String: Any], let items = object["items"] as? Int, items > 0
            else { continue }
            status = (items, object["users"] as? Int ?? 0)
        }
        #expect(status?.items == 10 && status?.users == 120)
        #expect(daemon.drain() == 0)
    }
}
