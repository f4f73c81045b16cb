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
        var logger = Logger(label: "freshet") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = Logger.Level(rawValue: settings.log.level) ?? .info
        let log = logger
        if options.file == nil { log.notice("there is no configuration file: what is not set has its default") }
        let daemon = Daemon(settings, logger: log)
        let http = HTTPService(
            host: settings.http.host, port: settings.http.port, token: settings.http.token, service: daemon,
            logger: log
        ) { port in log.info("listening", metadata: ["address": "http://\(settings.http.authority(port: port))"]) }
        let reload = ReloadService(daemon: daemon, options: options, logger: log)
        var httpLogger = log
        httpLogger.logLevel = max(.notice, log.logLevel)
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
                logger: httpLogger))
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
    let logger: Logger

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: [.sighup]).cancelOnGracefulShutdown() {
            do {
                daemon.reload(try options.load())
            } catch {
                logger.error("the configuration was not taken over; the old one stays")
            }
        }
    }
}
