import ArgumentParser
import Daemon
import Foundation
import HTTPService
import Logging
import ServiceLifecycle
import Settings
import Streaming
import Telemetry

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The whole system in one process: an embedded Kafka, traffic, the daemon, live figures.",
        discussion: """
            Without --events a simulated shop makes the traffic. Ends by itself after --duration and exits 0.

            Example: freshet demo --duration 60
            """)

    @Option(help: "Replay this file of events instead of the simulated shop.")
    var events: String?

    @Option(help: "Events a second; for a file, by default as many as fit the duration.")
    var rate: Int?

    @Option(help: "Seconds until the demo ends.")
    var duration = 60

    @Option(help: "Where HTTP listens.")
    var http = "127.0.0.1:8080"

    func validate() throws {
        guard duration >= 5 else { throw ValidationError("--duration is at least 5 seconds") }
        if let rate, !(1...100_000).contains(rate) { throw ValidationError("--rate is from 1 to 100000") }
    }

    func run() async throws {
        let signals = StopSignals { Self.remove(Self.stateDirectory) }
        try SystemLimits.prepare()
        defer { Self.remove(Self.stateDirectory) }
        do {
            try await run(until: signals)
        } catch let error as DaemonError {
            throw fail("\(error)", code: error.exitCode)
        } catch let error as HTTPServiceError {
            throw fail("\(error)", code: ExitStatus.restart)
        } catch let error as StreamingError {
            throw fail("\(error)", code: ExitStatus.unreachable)
        }
    }

    private static let stateDirectory =
        FileManager.default.temporaryDirectory.appendingPathComponent("freshet-demo-\(getpid())").path

    /// Where there is nothing to remove, nothing was left.
    private static func remove(_ directory: String) {
        do { try FileManager.default.removeItem(atPath: directory) } catch {}
    }

    private func run(until signals: StopSignals) async throws {
        let broker = try EmbeddedBroker(brokers: 1)
        for topic in ["events", "recommendations", "events.dlq"] { try broker.createTopic(topic, partitions: 4) }
        let settings = try loadSettings(broker)
        let traffic = try DemoTraffic(
            events: events, rate: rate, duration: .seconds(duration), bootstrapServers: broker.bootstrapServers)
        var logger = Logger(label: "freshet") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        let daemon = Daemon(settings, logger: logger)
        let service = HTTPService(
            host: settings.http.host, port: settings.http.port, token: nil, service: daemon, logger: logger
        ) { _ in }
        print("Kafka      \(broker.bootstrapServers)")
        print("           kcat -b \(broker.bootstrapServers) -t recommendations -C -q -o -1 -e")
        print("HTTP       http://\(http)")
        print("           curl http://\(http)/v1/status")
        print("traffic    \(traffic.description)\n")

        fflush(nil)
        let services: [any Service] = [
            signals, service, daemon, DemoScreen(daemon: daemon, traffic: traffic, duration: .seconds(duration)),
        ]
        // Whoever ends first, however it ends, ends the demo.
        let group = ServiceGroup(
            configuration: .init(
                services: services.map {
                    .init(
                        service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                },
                logger: logger))
        traffic.start()
        defer { traffic.stop() }
        try await group.run()
        print("\n" + DemoText(report: daemon.status(), rate: 0, p99: nil, sent: traffic.sent).summary(width: Terminal.size.columns))
        withExtendedLifetime(broker) {}
    }

    private func loadSettings(_ broker: EmbeddedBroker) throws -> Settings {
        do throws(SettingsError) {
            return try Settings.load(
                file: nil, environment: [:],
                overrides: [
                    "kafka.bootstrap_servers=\(broker.bootstrapServers)",
                    // The embedded broker holds a connection for the whole of an empty fetch, and waits a
                    // session out at each rebalance.
                    "kafka.properties.fetch.wait.max.ms=10", "kafka.properties.session.timeout.ms=6000",
                    "state.directory=\(Self.stateDirectory)", "http.listen=\(http)", "model.max_items=200000",
                ])
        } catch {
            throw fail("\(error)", code: ExitStatus.usage)
        }
    }
}
