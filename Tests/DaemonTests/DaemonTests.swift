import Delivery
import Engine
import Events
import HTTPService
import Settings
import StateStore
import Streaming
import Telemetry
import Testing

@testable import Daemon

@Suite struct DaemonTests {
    @Test func queriesAreBoundedAndRefusedAtTheEnd() async {
        let queue = QueryQueue()
        guard let user = UserID("u") else { preconditionFailure("u is an identifier") }
        let answers = await withTaskGroup(of: Result<ListAnswer, QueryError>.self, returning: [QueryError].self) { group in
            for _ in 0..<QueryQueue.capacity + 5 { group.addTask { await queue.ask(user, ListQuery()) } }
            var results: [QueryError] = []
            // The five that do not fit are refused at once, the others when the queue closes.
            for await result in group {
                if case .failure(let error) = result { results.append(error) }
                if results.count == 5 { queue.close() }
            }
            return results
        }
        #expect(answers.count == QueryQueue.capacity + 5)
        #expect(answers.count { $0 == .overloaded } == 5)
        #expect(answers.count { $0 == .unavailable("the daemon is stopping") } == QueryQueue.capacity)
        let late = await queue.ask(user, ListQuery())
        if case .success = late { Issue.record("a closed queue took a query") }
    }

    /// What a restart forgets must not matter where it may change no bit.
    @Test func attentionKeepsNothingWhereARestartMustBeExact() throws {
        func keeps(_ settings: [String]) throws -> Bool {
            EngineConfiguration(try Settings.load(file: nil, environment: [:], overrides: settings)).keepsKeysAndValues
        }
        #expect(try keeps([]))
        #expect(try !keeps(["learning.reproducible=true"]))
    }

    @Test func refusedRecordsAreSaidAtOnceAndThenOnceAMinute() {
        var log = RefusalLog()
        #expect(log.line([:], now: .zero) == nil)
        #expect(log.line(["not_json": 3], now: .seconds(1)) == "3 not_json")
        // Ten thousand more of a reason that is known wait; a new reason does not, and takes them along.
        #expect(log.line(["not_json": 10_003], now: .seconds(2)) == nil)
        #expect(log.line(["not_json": 10_003, "missing_item": 1], now: .seconds(3)) == "1 missing_item, 10000 not_json")
        #expect(log.line(["not_json": 10_005, "missing_item": 1], now: .seconds(62)) == nil)
        #expect(log.line(["not_json": 10_005, "missing_item": 1], now: .seconds(63)) == "2 not_json")
        // Where there is nothing new nothing is said, however long it lasts; the last word keeps nothing back.
        #expect(log.line(["not_json": 10_005, "missing_item": 1], now: .seconds(1000)) == nil)
        #expect(log.line(["not_json": 10_006, "missing_item": 1], now: .seconds(1001)) == "1 not_json")
        #expect(log.line(["not_json": 10_007, "missing_item": 1], now: .seconds(1002), isLast: true) == "1 not_json")
        #expect(log.line(["records": 0], now: .seconds(5000)) == nil)
    }

    @Test func everyEndHasItsExitCode() {
        let kafka = { StreamingError.kafka(name: "n", detail: "d", recovery: $0) }
        let transaction = { DaemonError(.transaction(TransactionError(recovery: $0, name: "n", detail: ""))) }
        // Damage alone is damage: what a new start heals is started again, what does not fit is configuration.
        #expect(DaemonError.state(.damaged(path: "/x", reason: "r", hasPrevious: true)).exitCode == 74)
        #expect(DaemonError.engine(.stateInconsistent("x")).exitCode == 74)
        for error in [StateStoreError.inUse(path: "/x"), .diskFull(path: "/x"), .writeFailed(path: "/x", reason: "r")] {
            #expect(DaemonError.state(error).exitCode == 75)
        }
        #expect(DaemonError.engine(.diverged("x")).exitCode == 75)
        #expect(DaemonError.engine(.stateMismatch("x")).exitCode == 78)
        #expect(DaemonError.state(.formatTooNew(path: "/x", format: 99)).exitCode == 78)
        #expect(DaemonError.streaming(kafka(.operator)).exitCode == 69)
        #expect(DaemonError.streaming(kafka(.restart)).exitCode == 75)
        #expect(DaemonError.streaming(.invalidProperty(name: "p", reason: "r")).exitCode == 78)
        #expect(DaemonError.streaming(.noResources(reason: "no memory")).exitCode == 75)
        #expect(DaemonError.decoder.exitCode == 75)
        #expect(transaction(.fenced).exitCode == 69 && transaction(.refused).exitCode == 69)
        #expect(transaction(.stop).exitCode == 75)
        #expect(transaction(.fenced).description.contains("kafka.transactional_id"))
    }

    @Test func aPartitionThatWaitsForTheDiskIsNotReadyAndSaysSo() {
        var board = Board.Contents()
        (board.isRestored, board.isConnected, board.assignedPartitions) = (true, true, 3)
        #expect(HealthReport(board, isLive: true).isReady)
        board.waitingForDisk = ["events[1]", "events[2]"]
        let report = HealthReport(board, isLive: true)
        #expect(report.isLive && !report.isReady)
        let failed = report.checks.filter { !$0.passed }
        #expect(failed.map(\.name) == ["disk"])
        #expect(failed.first?.detail.hasPrefix("events[1] events[2] cannot be read") == true)
    }

    @Test func readyIsWhatPassesEveryCheck() {
        let ready = { () -> Board.Contents in
            var board = Board.Contents()
            (board.isRestored, board.isConnected, board.assignedPartitions) = (true, true, 1)
            return board
        }
        for (name, breaks) in [
            ("state", { $0.isRestored = false }), ("kafka", { $0.isConnected = false }),
            ("partitions", { $0.assignedPartitions = 0 }), ("draining", { $0.isStopping = true }),
        ] as [(String, (inout Board.Contents) -> Void)] {
            var board = ready()
            breaks(&board)
            let report = HealthReport(board, isLive: true)
            #expect(!report.isReady && report.checks.filter { !$0.passed }.map(\.name) == [name])
        }
        #expect(!HealthReport(ready(), isLive: false).isReady)
    }
}
