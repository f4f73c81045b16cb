public import Events
internal import Foundation
public import HTTPService
public import Logging
public import ServiceLifecycle
public import Settings
public import Telemetry

/// The service: Kafka in, online learning, lists out. Supervised by a service group; ends by itself
/// only where going on makes no sense.
public final class Daemon: Service {
    private let settings: Settings
    private let logger: Logger
    private let board = Board()
    private let queries = QueryQueue()

    public static let version = "0.1.0"

    /// The engine may be this long in one turn before it counts as stuck: a restore and a large step
    /// stay well below.
    private static let heartbeatMax = Duration.seconds(60)
    private static let stackBytes = 8 << 20

    public init(_ settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// Runs until shutdown is asked for and the drain is done, or until it fails.
    public func run() async throws {
        // A group that cancels wants the end as much as one that asks for it: the thread hears of nothing else.
        try await withTaskCancellationOrGracefulShutdownHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let thread = Thread { [settings, board, queries, logger] in
                    continuation.resume(with: Self.runEngine(settings, board, queries, logger))
                }
                thread.name = "freshet-engine"
                thread.stackSize = Self.stackBytes
                thread.start()
            }
        } onCancelOrGracefulShutdown: {
            self.stop()
        }
    }

    /// Asks for the drain.
    public func stop() {
        board.with { $0.isStopping = true }
    }

    /// Takes over what can change while running.
    public func reload(_ settings: Settings) {
        board.with { $0.newSettings = settings }
    }

    private static func runEngine(
        _ settings: Settings, _ board: Board, _ queries: QueryQueue, _ logger: Logger
    ) -> Result<Void, any Error> {
        defer { queries.close() }
        do throws(DaemonError) {
            var engine = try EngineThread(settings, board: board, queries: queries, logger: logger)
            try engine.run()
            return .success(())
        } catch {
            return .failure(error)
        }
    }
}

extension Daemon: RecommendationService {
    public func status() -> StatusReport {
        let health = health()
        return board.with {
            var report = $0.report
            report.checks = health.checks
            return report
        }
    }

    public func health() -> HealthReport {
        let now = ContinuousClock.now
        return board.with { HealthReport($0, isLive: now - $0.heartbeat < Self.heartbeatMax) }
    }

    public func recommendations(for user: UserID, query: ListQuery) async throws(QueryError) -> ListAnswer {
        guard board.with({ $0.isRestored }) else { throw .unavailable("the state is being restored") }
        return try await queries.ask(user, query).get()
    }
}

extension HealthReport {
    /// The checks behind the answer, by what is on the board.
    init(_ board: Board.Contents, isLive: Bool) {
        let waiting = board.waitingForDisk.joined(separator: " ")
        self.init(
            isLive: isLive,
            checks: [
                .init(name: "engine", passed: isLive, detail: isLive ? "makes progress" : "is stuck"),
                .init(name: "state", passed: board.isRestored, detail: board.isRestored ? "restored" : "being restored"),
                .init(name: "kafka", passed: board.isConnected, detail: board.isConnected ? "reached" : "not reached yet"),
                .init(
                    name: "partitions", passed: board.assignedPartitions > 0, detail: "\(board.assignedPartitions) assigned"),
                .init(
                    name: "disk", passed: waiting.isEmpty,
                    detail: waiting.isEmpty
                        ? "takes what is written"
                        : "\(waiting) cannot be read before it is written down where reading begins: free space in state.directory"),
                .init(name: "draining", passed: !board.isStopping, detail: board.isStopping ? "yes" : "no"),
            ])
    }
}
