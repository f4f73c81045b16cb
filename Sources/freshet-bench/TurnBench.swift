import Daemon
import Delivery
import Engine
import Events
import Foundation
import Learning
import Logging
import StateStore
import Streaming

/// How long a turn of the daemon's loop takes while a checkpoint is copied and written, and between checkpoints.
enum TurnBench {
    private static let items = 100_000
    private static let users = 50_000
    private static let batchMax = 64
    private static let duration = Duration.seconds(60)

    private final class Source {
        var stream = BenchStream(items: TurnBench.items, users: TurnBench.users)
    }

    static func run(_ print: (BenchLine) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-turns-\(getpid())").path
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        var loop = try makeLoop(directory)
        while loop.engine.itemCount < items { try loop.turn() }
        var (during, between): ([Double], [Double]) = ([], [])
        // Processor time: what of a turn is its own work, whatever else the machine does.
        var (ownDuring, ownBetween): ([Double], [Double]) = ([], [])
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end {
            let wasCheckpointing = loop.isCheckpointing
            let (began, ownBefore) = (ContinuousClock.now, ownSeconds())
            try loop.turn()
            let (seconds, own) = ((ContinuousClock.now - began) / .seconds(1), ownSeconds() - ownBefore)
            // A turn that begins or ends one is a part of it.
            if wasCheckpointing || loop.isCheckpointing {
                during.append(seconds)
                ownDuring.append(own)
            } else {
                between.append(seconds)
                ownBetween.append(own)
            }
        }
        guard !during.isEmpty, !between.isEmpty else { return }
        let timings = (between: Timing(seconds: between), during: Timing(seconds: during))
        var calm = line("turn", timings.between, count: between.count)
        calm.ownPauseMicroseconds = Timing(seconds: ownBetween).longest
        try print(calm)
        var line = line("turn_in_checkpoint", timings.during, count: during.count)
        line.ratio = timings.during.p99 / timings.between.p99
        line.pauseMicroseconds = timings.during.longest
        line.ownPauseMicroseconds = Timing(seconds: ownDuring).longest
        try print(line)
    }

    /// Processor time of this thread, as the scheduler counts it in nanoseconds; 0 where it does not say.
    private static func ownSeconds() -> Double {
        let told = (try? String(contentsOfFile: "/proc/thread-self/schedstat", encoding: .utf8)) ?? ""
        return told.split(separator: " ").first.flatMap { Double($0) }.map { $0 / 1e9 } ?? 0
    }

    private static func line(_ name: String, _ timing: Timing, count: Int) -> BenchLine {
        var line = BenchLine(name)
        line.take(timing, plain: nil)
        (line.items, line.users, line.batch, line.events) = (items, users, batchMax, count * batchMax)
        return line
    }

    private static func makeLoop(_ directory: String) throws -> DeliveryLoop<BenchWorld> {
        var configuration = EngineConfiguration()
        configuration.learner.itemsMax = items
        configuration.usersMax = users
        var delivery = DeliveryConfiguration()
        delivery.batchMax = batchMax
        guard let decoder = EventDecoder(fields: EventFields(), limits: EventLimits()) else {
            throw EngineError.stateMismatch("a parser of the default limits cannot be made")
        }
        let store = try StateStore(directory: directory)
        let keeper = GenerationKeeper(store, interval: .seconds(900))
        let source = Source()
        return DeliveryLoop(
            delivery, engine: try Engine(configuration), decoder: decoder,
            consumer: EndlessConsumer { record(source.stream.event(), at: $0) }, reader: nil, producer: AcknowledgingProducer(),
            store: CheckpointWriter(store, keeper: keeper, logger: Logger(label: "turns") { _ in SwiftLogNoOpLogHandler() }),
            time: BenchTime(wallTime: Timestamp(milliseconds: 1_767_229_200_000)), makeProducer: { AcknowledgingProducer() })
    }

    private static func record(_ event: Event, at source: RecordSource) -> KafkaRecord {
        let value = #"{"user":"\#(event.user.text)","item":"\#(event.item.text)","timestamp":\#(event.timestamp.milliseconds)}"#
        return KafkaRecord(source: source, timestamp: event.timestamp, key: nil, value: Array(value.utf8), headers: [])
    }
}
