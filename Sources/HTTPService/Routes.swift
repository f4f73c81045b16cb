internal import Events
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Telemetry

/// The routes, over whatever answers them.
struct Routes: Sendable {
    let service: any RecommendationService

    static let healthPaths: Set<String> = ["/livez", "/readyz", "/healthz"]
    static let paths: Set<String> = healthPaths.union(["/", "/metrics", "/v1/status"])

    func router(token: String?) -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: ProblemMiddleware(paths: Self.paths))
        if let token { router.add(middleware: TokenMiddleware(token: token, openPaths: Self.healthPaths)) }
        router.get("/livez") { _, _ in live() }
        router.get("/readyz") { request, _ in ready(request) }
        router.get("/healthz") { request, _ in ready(request) }
        router.get("/metrics") { _, _ in metrics() }
        router.get("/v1/status") { _, _ in try json(service.status()) }
        router.get("/v1/users/:user/recommendations") { request, context in
            try await recommendations(request, user: context.parameters.get("user"))
        }
        router.get("/") { _, _ in
            text(
                .ok,
                "freshet\n\n/livez\n/readyz?verbose\n/metrics\n/v1/status\n/v1/users/{user}/recommendations?count=&exclude=\n"
            )
        }
        return router
    }

    private func live() -> Response {
        let health = service.health()
        return text(health.isLive ? .ok : .serviceUnavailable, health.isLive ? "ok\n" : "the engine is stuck\n")
    }

    private func ready(_ request: Request) -> Response {
        let health = service.health()
        let status: HTTPResponse.Status = health.isReady ? .ok : .serviceUnavailable
        guard request.uri.queryParameters["verbose"] != nil || request.uri.query == "verbose" else {
            return text(status, health.isReady ? "ok\n" : "not ready\n")
        }
        let lines = health.checks.map { "[\($0.passed ? "+" : "-")] \($0.name): \($0.detail)" }
        return text(status, (lines + [health.isReady ? "ready" : "not ready"]).joined(separator: "\n") + "\n")
    }

    private func metrics() -> Response {
        let metrics = PrometheusText(service.status(), process: ProcessFigures.current())
        return Response(
            status: .ok, headers: [.contentType: PrometheusText.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text)))
    }

    private func recommendations(_ request: Request, user name: String?) async throws -> Response {
        guard let name, let user = UserID(name.removingPercentEncoding ?? name) else {
            throw Problem(.badRequest, "the user is not 1 to 256 bytes of UTF-8")
        }
        let query = try listQuery(request)
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

    private func listQuery(_ request: Request) throws(Problem) -> ListQuery {
        let parameters = request.uri.queryParameters
        do throws(ListQueryRefusal) {
            return try ListQuery(count: parameters["count"].map(String.init), exclude: parameters["exclude"].map(String.init))
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
