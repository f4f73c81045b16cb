import Logging
import Synchronization

/// The level of a process's log, which may change while it runs: every logger that was made of it follows.
final class SharedLogLevel: Sendable {
    private let level: Mutex<Logger.Level>

    init(_ name: String) { level = Mutex(Self.level(name)) }

    var current: Logger.Level { level.withLock { $0 } }

    /// Takes over `log.level`.
    func set(_ name: String) { level.withLock { $0 = Self.level(name) } }

    /// A logger to standard error.
    ///
    /// - Parameter floor: what is less severe is left out at every level.
    func logger(_ label: String, floor: Logger.Level = .trace) -> Logger {
        Logger(label: label) { Handler(output: .standardError(label: $0), shared: self, floor: floor) }
    }

    private static func level(_ name: String) -> Logger.Level { Logger.Level(rawValue: name) ?? .info }

    /// Asks for the level at each line.
    private struct Handler: LogHandler {
        var output: StreamLogHandler
        let shared: SharedLogLevel
        var floor: Logger.Level

        var logLevel: Logger.Level {
            get { max(shared.current, floor) }
            set { floor = newValue }
        }

        var metadata: Logger.Metadata {
            get { output.metadata }
            set { output.metadata = newValue }
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { output[metadataKey: key] }
            set { output[metadataKey: key] = newValue }
        }

        func log(event: LogEvent) { output.log(event: event) }
    }
}
