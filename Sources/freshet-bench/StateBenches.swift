import Checkpoints
import Delivery
import Engine
import Events
import Foundation
import Learning
import StateStore
import Telemetry

/// The engine's way to disk and back.
enum StateBenches {
    /// 100k items and 50k users: one whole checkpoint, and the restore of it; then the turns of the daemon's loop
    /// while checkpoints are made, and between them.
    static func checkpoint(_ print: (BenchLine) throws -> Void) throws {
        try measure(items: 100_000, users: 50_000, eventsPerUser: 2, touched: 10_000, print)
        try TurnBench.run(print)
    }

    /// A million items and a million users with ten events each.
    static func restore(_ print: (BenchLine) throws -> Void) throws {
        try measure(items: 1_000_000, users: 1_000_000, eventsPerUser: 10, touched: 100_000, print)
    }

    private static func measure(
        items: Int, users: Int, eventsPerUser: Int, touched: Int, _ print: (BenchLine) throws -> Void
    ) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-bench-\(getpid())").path
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let configuration = try write(items: items, users: users, eventsPerUser: eventsPerUser, touched: touched, to: directory, print)
        var engine: Engine?
        try time("restore_open", items, users, print) { _ = try StateStore(directory: directory) }
        let store = try StateStore(directory: directory)
        try time("restore", items, users, print) { engine = try restored(configuration, from: store) }
        guard let engine else { return }
        precondition(engine.itemCount == items && engine.userCount == users, "everything is there again")
        try time("generation", items, users, print) { try store.keepGeneration() }
    }

    /// Fills an engine and writes it: the first checkpoint holds everything, the second what was touched since.
    private static func write(
        items: Int, users: Int, eventsPerUser: Int, touched: Int, to directory: String,
        _ print: (BenchLine) throws -> Void
    ) throws -> EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.encoder = .ensemble
        configuration.learner.itemsMax = items
        configuration.usersMax = users
        // For context only: how much was learned changes no size.
        configuration.eventWeights = [Event.defaultType: 0]
        var engine = try Engine(configuration)
        var next = 0
        func feed(_ count: Int) throws {
            for _ in 0..<count / 256 + 1 {
                let inputs = (0..<256).map { place in
                    input(user: (next + place) % users, item: (next + place) * 7919 % items, offset: next + place)
                }
                next += 256
                _ = try engine.answer(inputs, now: Timestamp(milliseconds: 0))
                try engine.learn(replay: .none, batch: Engine.learningBatchMax)
            }
        }
        try feed(max(items, users * eventsPerUser))
        let store = try StateStore(directory: directory)
        for (name, count) in [("checkpoint_whole", 0), ("checkpoint", touched)] {
            if count > 0 { try feed(count) }
            var checkpoint: Checkpoint?
            try pieces(name + "_pause", items, users, print) { checkpoint = try takeInPieces(&engine, &$0) }
            guard let checkpoint else { continue }
            try time(name + "_write", checkpoint.items.count, checkpoint.users.count, print) { try store.write(checkpoint) }
        }
        return configuration
    }

    /// As the daemon does it: begun in one turn, then some rows in each.
    private static func takeInPieces(_ engine: inout Engine, _ seconds: inout [Double]) throws -> Checkpoint? {
        var checkpoint: Checkpoint?
        func timed(_ body: () -> Void) {
            let began = ContinuousClock.now
            body()
            seconds.append((ContinuousClock.now - began) / .seconds(1))
        }
        timed { engine.beginCheckpoint() }
        let rowsMax = DeliveryConfiguration().checkpointRowsMax
        while checkpoint == nil { timed { checkpoint = engine.advanceCheckpoint(rowsMax: rowsMax) } }
        return checkpoint
    }

    private static func pieces(
        _ name: String, _ items: Int, _ users: Int, _ print: (BenchLine) throws -> Void,
        _ body: (inout [Double]) throws -> Void
    ) throws {
        var seconds: [Double] = []
        try body(&seconds)
        let timing = Timing(seconds: seconds)
        var line = BenchLine(name)
        line.take(timing, plain: nil)
        line.pauseMicroseconds = timing.longest
        (line.items, line.users) = (items, users)
        line.residentBytes = ProcessFigures.current().residentBytes
        try print(line)
    }

    private static func restored(_ configuration: EngineConfiguration, from store: StateStore) throws -> Engine? {
        guard let stored = try store.modelDescription() else { return nil }
        var restorer = try EngineRestorer(configuration, stored: stored)
        try store.forEachItem { try restorer.add($0) }
        try store.forEachUser { try restorer.add($0) }
        return try restorer.finish(blobs: try store.blobs(), offsets: try store.offsets())
    }

    private static func time(
        _ name: String, _ items: Int, _ users: Int, _ print: (BenchLine) throws -> Void, _ body: () throws -> Void
    ) throws {
        let began = ContinuousClock.now
        try body()
        var line = BenchLine(name)
        line.medianMicroseconds = (ContinuousClock.now - began) / .microseconds(1)
        (line.items, line.users) = (items, users)
        line.residentBytes = ProcessFigures.current().residentBytes
        try print(line)
    }

    private static func input(user: Int, item: Int, offset: Int) -> EngineInput {
        guard let userID = UserID("user-\(user)"), let itemID = ItemID("item-\(item)") else {
            preconditionFailure("a word and a number are an identifier")
        }
        let event = Event(
            user: userID, item: itemID, timestamp: Timestamp(milliseconds: 1_767_225_600_000 + Int64(offset)))
        let source = RecordSource(topicPartition: EngineBenches.partition, offset: Int64(offset))
        return EngineInput(content: .event(event), source: source, wantsAnswer: false)
    }
}
