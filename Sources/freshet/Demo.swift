import ArgumentParser
import Daemon
import Foundation
import HTTPService
import Logging
import ServiceLifecycle
import Settings
import Streaming
import UnixSignals

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
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-demo-\(getpid())").path
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        do {
            try await run(stateDirectory: directory)
        } catch let error as DaemonError {
            throw fail("\(error)", code: error.exitCode)
        } catch let error as HTTPServiceError {
            throw fail("\(error)", code: ExitStatus.internalError)
        } catch let error as StreamingError {
            throw fail("\(error)", code: ExitStatus.unreachable)
        }
    }

    private func run(stateDirectory: String) async throws {
        let broker = try EmbeddedBroker(brokers: 1)
        for topic in ["events", "recommendations", "events.dlq"] { try broker.createTopic(topic, partitions: 4) }
        let settings = try loadSettings(broker, stateDirectory)
        let traffic = try DemoTraffic(
            events: events, rate: rate, duration: .seconds(duration), bootstrapServers: broker.bootstrapServers)
        var logger = Logger(label: "freshet") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        let daemon = Daemon(settings, logger: logger)
        let service = HTTPService(
            host: settings.http.host, port: settings.http.port, token: nil, service: daemon, logger: logger
        ) { _ in }
        print("Kafka      \(broker.bootstrapServers)   kcat -b \(broker.bootstrapServers) -t recommendations -C")
        print("HTTP       http://\(http)   curl http://\(http)/v1/status")
        print("traffic    \(traffic.description)\n")

        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: service),
                    .init(service: daemon, successTerminationBehavior: .gracefullyShutdownGroup),
                    .init(
                        service: DemoScreen(daemon: daemon, traffic: traffic, duration: .seconds(duration)),
                        successTerminationBehavior: .gracefullyShutdownGroup),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        traffic.start()
        try await group.run()
        traffic.stop()
        print("\n" + DemoScreen.summary(daemon.status(), sent: traffic.sent))
        withExtendedLifetime(broker) {}
    }

    private func loadSettings(_ broker: EmbeddedBroker, _ stateDirectory: String) throws -> Settings {
        do throws(SettingsError) {
            return try Settings.load(
                file: nil, environment: [:],
                overrides: [
                    "kafka.bootstrap_servers=\(broker.bootstrapServers)",
                    // The embedded broker holds a connection for the whole of an empty fetch, and waits a
                    // session out at each rebalance.
                    "kafka.properties.fetch.wait.max.ms=10", "kafka.properties.session.timeout.ms=6000",
                    "state.directory=\(stateDirectory)", "http.listen=\(http)", "model.max_items=200000",
                ])
        } catch {
            throw fail("\(error)", code: ExitStatus.usage)
        }
    }
}
