import ArgumentParser
import Daemon
import Delivery
import Engine
import Events
import Foundation
import Learning
import Logging
import StateStore
import Streaming
import Telemetry

/// Millions of events of ever new users and items through the delivery loop and a real state directory.
struct Soak: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Runs the daemon's loop, without Kafka, over users and items that never stop being new.",
        discussion: """
            Prints what the process takes as it goes. Once the tables of users and items were filled six times over, the
            ceiling is stated: a tenth and 16 MiB above what is taken then. The exit code is 1 where it is broken.

            Time is what the events say, 20,000 a second: how much has changed from one checkpoint to the next, and so how
            large it is, does not depend on what else the machine does.

            Example: freshet-bench soak --events 10000000
            """)

    @Option(help: "How many events.")
    var events = 10_000_000

    @Option(help: "Users that are kept.")
    var users = 50_000

    @Option(help: "Items that are kept.")
    var items = 50_000

    @Option(help: "Lines that are printed.")
    var lines = 20

    private struct Line: Encodable {
        var bench = "soak"
        var events: Int
        var distinctUsers: Int
        var distinctItems: Int
        var users: Int
        var items: Int
        var residentBytes: UInt64
        /// Absent until the tables were filled three times over.
        var ceilingBytes: UInt64?
        var stateBytes: Int
        var checkpoints: UInt64
        var deadLetters: UInt64
        var perSecond: Double
        var commit = ProcessInfo.processInfo.environment["FRESHET_COMMIT"] ?? ""
    }

    private final class Source {
        var traffic: ChurnTraffic
        var events = 0
        init(_ traffic: ChurnTraffic) { self.traffic = traffic }

        func record(at source: RecordSource) -> KafkaRecord {
            events += 1
            return traffic.record(at: source)
        }
    }

    private static let eventsPerSecond = 20_000
    /// How often everybody has changed before memory is judged: what counts what followed what fills up item by item.
    private static let turnovers = 6

    func run() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-soak-\(getpid())").path
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let source = Source(ChurnTraffic(users: users / 2, items: items / 2))
        var loop = try makeLoop(source, directory)
        let began = ContinuousClock.now
        var (ceiling, isBroken): (UInt64?, Bool) = (nil, false)
        var nextLine = events / lines
        while true {
            try loop.turn()
            for case .checkpointFailed(let error) in loop.takeNotices() { throw error }
            let done = Int(loop.engine.nextOffsets.values.max() ?? 0)
            guard done >= nextLine else { continue }
            nextLine += events / lines
            let resident = ProcessFigures.current().residentBytes
            let isFull =
                source.traffic.distinctUsers > Self.turnovers * users
                && source.traffic.distinctItems > Self.turnovers * items
            if ceiling == nil, isFull { ceiling = resident / 10 * 11 + 16 << 20 }
            isBroken = isBroken || ceiling.map { resident > $0 } ?? false
            let report = loop.report()
            try print(
                Line(
                    events: done, distinctUsers: source.traffic.distinctUsers, distinctItems: source.traffic.distinctItems,
                    users: report.users, items: report.items, residentBytes: resident, ceilingBytes: ceiling,
                    stateBytes: Self.bytes(in: directory), checkpoints: report.checkpointsSucceeded,
                    deadLetters: report.deadLetters.values.reduce(0, +),
                    perSecond: Double(done) / ((ContinuousClock.now - began) / .seconds(1))))
            if done >= events { break }
        }
        try loop.drain()
        if ceiling == nil || isBroken { throw ExitCode.failure }
    }

    /// The cheapest model: what is measured is what is kept.
    private func makeLoop(_ source: Source, _ directory: String) throws -> DeliveryLoop<BenchWorld> {
        var configuration = EngineConfiguration()
        configuration.encoder = .gru
        configuration.learner.dimensions = 16
        configuration.learner.negatives = 16
        configuration.learner.window = 4
        configuration.learner.replayRatio = 0
        configuration.learner.itemsMax = items
        configuration.usersMax = users
        configuration.sessionLengthMax = 20
        configuration.rules = ListRules(count: 5, exclusions: [.current])
        var delivery = DeliveryConfiguration()
        delivery.checkpointInterval = .seconds(1)
        guard let decoder = EventDecoder(fields: EventFields(), limits: EventLimits()) else { throw ExitCode.failure }
        let store = try StateStore(directory: directory)
        let keeper = GenerationKeeper(store, interval: .seconds(30))
        return DeliveryLoop(
            delivery, engine: try Engine(configuration), decoder: decoder,
            consumer: EndlessConsumer { source.record(at: $0) }, reader: nil, producer: AcknowledgingProducer(),
            store: CheckpointWriter(store, keeper: keeper, logger: Logger(label: "soak") { _ in SwiftLogNoOpLogHandler() }),
            // Events are never further ahead than a clock may be.
            time: BenchTime(wallTime: Timestamp(milliseconds: ChurnTraffic.start + Int64(events))) {
                .microseconds(source.events * 1_000_000 / Self.eventsPerSecond)
            },
            makeProducer: { AcknowledgingProducer() })
    }

    private static func bytes(in directory: String) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.reduce(0) { sum, name in
            sum + ((try? FileManager.default.attributesOfItem(atPath: directory + "/" + name)[.size] as? Int) ?? 0)
        }
    }

    private func print(_ line: Line) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        Swift.print(String(decoding: try encoder.encode(line), as: UTF8.self))
        fflush(nil)
    }
}
