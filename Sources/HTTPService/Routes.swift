internal import Events
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Telemetry

/// The routes, over whatever answers them.
struct Routes: Sendable {
    let service: any RecommendationService

    static let healthPaths: Set<String> = ["/livez", "/readyz", "/healthz"]
    /// What every address answers to.
    static let methods = "GET, HEAD, OPTIONS"
    private static let paths: Set<String> = healthPaths.union(["/", "/metrics", "/v1/status"])

    /// Whether a path is one of an address, whatever stands for the user.
    static func hasRoute(_ path: String) -> Bool {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        let isOfUser = segments.count == 5 && segments[1] == "v1" && segments[2] == "users" && segments[4] == "recommendations"
        return paths.contains(path) || isOfUser && !segments[3].isEmpty
    }

    func router(token: String?, limits: HTTPLimits) -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: ProblemMiddleware(targetBytesMax: limits.targetBytesMax))
        if let token { router.add(middleware: TokenMiddleware(token: token, openPaths: Self.healthPaths)) }
        get("/livez", ["verbose"], router) { _, parameters in live(isVerbose: parameters["verbose"] != nil) }
        for path in ["/readyz", "/healthz"] {
            get(path, ["verbose"], router) { _, parameters in ready(isVerbose: parameters["verbose"] != nil) }
        }
        get("/metrics", [], router) { _, _ in metrics() }
        get("/v1/status", [], router) { _, _ in try json(service.status()) }
        get("/v1/users/:user/recommendations", ["count", "exclude"], router) { target, parameters in
            try await recommendations(user: try target.segment(2), parameters)
        }
        get("/", [], router) { _, _ in
            text(
                .ok,
                "freshet\n\n/livez\n/readyz?verbose\n/metrics\n/v1/status\n/v1/users/{user}/recommendations?count=&exclude=\n"
            )
        }
        return router
    }

    /// Adds an address with the names of its parameters; others are refused.
    private func get(
        _ path: String, _ names: Set<String>, _ router: Router<BasicRequestContext>,
        answer: @escaping @Sendable (RequestTarget, [String: String]) async throws -> Response
    ) {
        for method in [HTTPRequest.Method.get, .head] {
            router.on(RouterPath(path), method: method) { request, _ in
                let target = RequestTarget(request.head.path ?? "/")
                return try await answer(target, try target.parameters(names))
            }
        }
    }

    private func live(isVerbose: Bool) -> Response {
        let health = service.health()
        let checks = isVerbose ? health.checks.filter { $0.name == "engine" } : []
        return text(
            health.isLive ? .ok : .serviceUnavailable, lines(checks, health.isLive ? "ok" : "the engine is stuck"))
    }

    private func ready(isVerbose: Bool) -> Response {
        let health = service.health()
        let word = isVerbose ? "ready" : "ok"
        return text(
            health.isReady ? .ok : .serviceUnavailable,
            lines(isVerbose ? health.checks : [], health.isReady ? word : "not ready"))
    }

    private func lines(_ checks: [HealthReport.Check], _ verdict: String) -> String {
        (checks.map { "[\($0.passed ? "+" : "-")] \($0.name): \($0.detail)" } + [verdict]).joined(separator: "\n") + "\n"
    }

    private func metrics() -> Response {
        let metrics = PrometheusText(service.status(), health: service.health(), process: ProcessFigures.current())
        return Response(
            status: .ok, headers: [.contentType: PrometheusText.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text)))
    }

    private func recommendations(user name: String, _ parameters: [String: String]) async throws -> Response {
        guard let user = UserID(name) else { throw Problem(.badRequest, "the user is not 1 to 256 bytes of UTF-8") }
        let query = try listQuery(parameters)
        let answer: ListAnswer
        do {
            answer = try await service.recommendations(for: user, query: query)
        } catch .overloaded {
            throw Problem(.serviceUnavailable, "too many queries are waiting; try again in a second")
        } catch .unavailable(let reason) {
            throw Problem(.serviceUnavailable, reason)
        }
        var body = RecordEncoder.encode(answer.recommendation)
        if answer.isFallback {
            body.removeLast()
            body += Array(#","fallback":"popular"}"#.utf8)
        }
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    private func listQuery(_ parameters: [String: String]) throws(Problem) -> ListQuery {
        do throws(ListQueryRefusal) {
            return try ListQuery(count: parameters["count"], exclude: parameters["exclude"])
        } catch {
            throw Problem(.badRequest, error.message)
        }
    }

    private func json(_ value: some Encodable) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try encoder.encode(value))))
    }

    private func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
