import ArgumentParser
import Daemon
import HTTPService
import Logging
import ServiceLifecycle
import Settings
import UnixSignals

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the daemon: Kafka in, online learning, recommendations out, HTTP.",
        discussion: """
            Without --config it reads /etc/freshet/freshet.yaml; where that is not there, the defaults hold.
            Drains, checkpoints and exits 0 on SIGTERM and SIGINT; reads its configuration again on SIGHUP.

            Example: freshet run --config /etc/freshet/freshet.yaml --set kafka.bootstrap_servers=broker:9092
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let signals = StopSignals()
        try SystemLimits.prepare()
        let settings = try options.load()
        let level = SharedLogLevel(settings.log.level)
        let log = level.logger("freshet")
        let file = options.file
        if file == nil { log.notice("there is no configuration file: what is not set has its default") }
        let daemon = Daemon(settings, logger: log)
        let http = HTTPService(
            host: settings.http.host, port: settings.http.port, token: settings.http.token, service: daemon,
            logger: log
        ) { port in log.info("listening", metadata: ["address": "http://\(settings.http.authority(port: port))"]) }
        let reload = ReloadService(daemon: daemon, options: options, file: file, level: level, logger: log)
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: signals, successTerminationBehavior: .gracefullyShutdownGroup),
                    .init(service: reload, successTerminationBehavior: .ignore),
                    .init(service: http, failureTerminationBehavior: .gracefullyShutdownGroup),
                    .init(
                        service: daemon, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup),
                ],
                logger: level.logger("freshet", floor: .notice)))
        do {
            try await group.run()
        } catch let error as DaemonError {
            throw fail("\(error)", code: error.exitCode)
        } catch let error as HTTPServiceError {
            throw fail("\(error)", code: ExitStatus.restart)
        } catch {
            throw fail("\(error)", code: ExitStatus.internalError)
        }
    }
}

/// Reads the configuration again on SIGHUP. A broken file changes nothing.
struct ReloadService: Service {
    let daemon: Daemon
    let options: ConfigurationOptions
    /// What was read at the start.
    let file: String?
    let level: SharedLogLevel
    let logger: Logger

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: [.sighup]).cancelOnGracefulShutdown() {
            guard let settings = options.reload(file: file) else {
                logger.error("the configuration was not taken over; the old one stays")
                continue
            }
            // Before anything is said of it.
            level.set(settings.log.level)
            daemon.reload(settings)
        }
    }
}
