internal import Hummingbird
internal import HummingbirdCore
public import Logging
public import ServiceLifecycle

/// Health, metrics and queries over HTTP. Listens from the start, before Kafka is reached.
public struct HTTPService: Service {
    private let host: String
    private let port: Int
    private let token: String?
    private let service: any RecommendationService
    private let limits: HTTPLimits
    private let logger: Logger
    private let onListening: @Sendable (Int) async -> Void

    /// - Parameters:
    ///   - port: 0 lets the system choose one.
    ///   - onListening: told the port once the service listens.
    public init(
        host: String, port: Int, token: String?, service: any RecommendationService, limits: HTTPLimits = HTTPLimits(),
        logger: Logger, onListening: @escaping @Sendable (Int) async -> Void
    ) {
        self.host = host
        self.port = port
        self.token = token
        self.service = service
        self.limits = limits
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until shutdown is asked for and what was asked before is answered.
    public func run() async throws {
        let (started, reportStarted) = AsyncStream.makeStream(of: Void.self)
        let group = ServiceGroup(
            configuration: .init(services: [.init(service: application { reportStarted.yield() })], logger: logger))
        // Detached, and ended by nothing but its own group once it listens: a server that is told to end, or is
        // cancelled, between binding and serving leaves its socket in a state that traps.
        let serving = Task.detached {
            defer { reportStarted.finish() }
            try await group.run()
        }
        do {
            try await withTaskCancellationOrGracefulShutdownHandler {
                try await serving.value
            } onCancelOrGracefulShutdown: {
                Task.detached {
                    for await _ in started { return await group.triggerGracefulShutdown() }
                }
            }
        } catch {
            throw HTTPServiceError(address: "\(host):\(port)", reason: "\(error)")
        }
    }

    private func application(onListening report: @escaping @Sendable () -> Void) -> some Service {
        let notify = onListening
        return Application(
            router: Routes(service: service).router(token: token, limits: limits),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionGuard(limits: limits)],
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: limits.headerBytesMax, maxHeaderListSize: limits.headerBytesMax,
                        maxHeaderFieldCount: limits.headersMax))),
            configuration: .init(
                address: .hostname(host, port: port), serverName: "freshet",
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connectionsMax, logger: logger)),
            onServerRunning: { channel in
                report()
                await notify(channel.localAddress?.port ?? 0)
            }, logger: logger)
    }
}

/// What a client may take of the service.
public struct HTTPLimits: Sendable {
    /// Connections at once; more wait until one ends.
    public var connectionsMax = 256
    /// From the opening of a connection, or the end of an answer, to the end of the next request; an answer has to be
    /// taken in the same time.
    public var requestTime = Duration.seconds(15)
    /// The line of a request, and its headers together.
    public var headerBytesMax = 16 << 10
    public var headersMax = 100
    /// Bytes of a path and its query.
    public var targetBytesMax = 8 << 10

    public init() {}
}

/// HTTP could not be served.
public struct HTTPServiceError: Error, CustomStringConvertible {
    let address: String
    let reason: String

    public var description: String {
        "HTTP cannot be served on \(address) (\(reason)): stop what uses the address, or set http.listen to another"
    }
}
