internal import CAllocations
import Daemon
import Events
import Foundation
import Logging
import Settings
import Streaming
import Synchronization
import Telemetry

/// The daemon between two topics of an embedded broker, in this process: a rate that it must hold, and as
/// fast as it can.
struct DaemonBench {
    /// Settings beside the bench's own; they win.
    private let overrides: [String]
    private static let users = 20_000
    private static let seconds = 20

    init(_ overrides: [String]) { self.overrides = overrides }

    func run(_ print: (BenchLine) throws -> Void) throws {
        // With nil, as many as the daemon takes: the backlog is written before it starts.
        for rate in [2_000, nil] as [Int?] { try print(measure(rate: rate, delivery: "at_least_once")) }
        try print(measure(rate: nil, delivery: "exactly_once"))
    }

    private func measure(rate: Int?, delivery: String) throws -> BenchLine {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-bench-\(getpid())-\(rate ?? 0)-\(delivery)").path
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let broker = try EmbeddedBroker(brokers: 1)
        for topic in ["events", "recommendations", "events.dlq"] { try broker.createTopic(topic, partitions: 4) }
        var logger = Logger(label: "freshet-bench")
        logger.logLevel = .error
        // Other brokers answer a fetch as soon as there is a record, the embedded one when the wait is over.
        let settings = try Settings.load(
            file: nil, environment: [:],
            overrides: [
                "kafka.bootstrap_servers=\(broker.bootstrapServers)", "kafka.properties.fetch.wait.max.ms=2",
                "kafka.properties.session.timeout.ms=6000", "state.directory=\(directory)", "model.max_items=20000",
                "kafka.delivery=\(delivery)",
            ] + overrides)
        let items = settings.model.itemsMax
        let daemon = Daemon(settings, logger: logger)
        let ended = DispatchSemaphore(value: 0)
        Task {
            do { try await daemon.run() } catch { logger.error("\(error)") }
            ended.signal()
        }
        // As clients of Kafka do by default. The embedded broker looks for a record through every batch that it has, for
        // each partition of a fetch: with half a millisecond it was busier than the daemon.
        var kafka = KafkaConfiguration(bootstrapServers: broker.bootstrapServers, groupID: "bench")
        kafka.properties["linger.ms"] = "5"
        let producer = try Producer(kafka, topics: ["events"])
        var stream = BenchStream(items: items, users: Self.users)

        // Every item once, and the group has formed; then the figures of a steady stream.
        try send(items, from: &stream, producer, rate: 1_000_000)
        try wait(daemon, until: UInt64(items))
        let before = daemon.status()
        let count = (rate ?? 8_000) * Self.seconds
        let (began, allocations) = (ContinuousClock.now, ca_allocations())
        try send(count, from: &stream, producer, rate: rate ?? 1_000_000)
        try wait(daemon, until: UInt64(items + count))
        let elapsed = (ContinuousClock.now - began) / .seconds(1)
        let after = daemon.status()
        daemon.stop()
        ended.wait()

        var line = BenchLine(delivery == "exactly_once" ? "daemon/exactly_once" : "daemon")
        (line.items, line.users, line.events, line.rate, line.threads) = (after.items, after.users, count, rate, 2)
        line.perSecond = Double(after.recommendationsPublished - before.recommendationsPublished) / elapsed
        // Upper bounds of the buckets.
        line.medianMicroseconds = (after.eventToPublish.quantile(0.5, since: before.eventToPublish) ?? .infinity) * 1e6
        line.p99Microseconds = (after.eventToPublish.quantile(0.99, since: before.eventToPublish) ?? .infinity) * 1e6
        line.residentBytes = after.residentBytes
        line.allocationsPerEvent = Double(ca_allocations() - allocations) / Double(count)
        return line
    }

    private func send(_ count: Int, from stream: inout BenchStream, _ producer: Producer, rate: Int) throws {
        var reports: [DeliveryReport] = []
        let began = ContinuousClock.now
        var sent = 0
        while sent < count || producer.inFlight > 0 {
            let due = min(count, Int((ContinuousClock.now - began) / .seconds(1) * Double(rate)))
            while sent < due, producer.inFlight < 10_000 {
                let event = stream.event()
                let record = OutgoingRecord(
                    topic: "events", key: Array(event.user.text.utf8), value: RecordEncoder.encode(event))
                try producer.send(record, token: 1)
                sent += 1
            }
            reports.removeAll(keepingCapacity: true)
            producer.poll(into: &reports, timeout: .milliseconds(1))
        }
    }

    /// Until the daemon has published as many lists, for at most two minutes.
    private func wait(_ daemon: Daemon, until published: UInt64) throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while daemon.status().recommendationsPublished < published, ContinuousClock.now < deadline { usleep(20_000) }
    }
}
