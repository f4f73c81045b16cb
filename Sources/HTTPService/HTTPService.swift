internal import Hummingbird
public import Logging
public import ServiceLifecycle

/// Health, metrics and queries over HTTP. Listens from the start, before Kafka is reached.
public struct HTTPService: Service {
    private let host: String
    private let port: Int
    private let token: String?
    private let service: any RecommendationService
    private let logger: Logger
    private let onListening: @Sendable (Int) async -> Void

    /// - Parameters:
    ///   - port: 0 lets the system choose one.
    ///   - onListening: told the port once the service listens.
    public init(
        host: String, port: Int, token: String?, service: any RecommendationService, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void
    ) {
        self.host = host
        self.port = port
        self.token = token
        self.service = service
        self.logger = logger
        self.onListening = onListening
    }

    public func run() async throws {
        let notify = onListening
        let application = Application(
            router: Routes(service: service).router(token: token),
            configuration: .init(address: .hostname(host, port: port), serverName: "freshet"),
            onServerRunning: { channel in await notify(channel.localAddress?.port ?? 0) }, logger: logger)
        do {
            try await application.run()
        } catch {
            throw HTTPServiceError(address: "\(host):\(port)", reason: "\(error)")
        }
    }
}

/// HTTP could not be served.
public struct HTTPServiceError: Error, CustomStringConvertible {
    let address: String
    let reason: String

    public var description: String {
        "HTTP cannot be served on \(address) (\(reason)): stop what uses the address, or set http.listen to another"
    }
}
