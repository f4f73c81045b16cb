import Events
import Foundation
import FoundationNetworking
import Logging
import ServiceLifecycle
import Synchronization
import Telemetry
import Testing

@testable import HTTPService

/// The real server on a port of its own, asked over loopback.
@Suite struct HTTPServiceTests {
    final class Stub: RecommendationService {
        let asked = Mutex<[ListQuery]>([])
        let isReady: Bool
        init(isReady: Bool = true) { self.isReady = isReady }

        func health() -> HealthReport {
            HealthReport(
                isLive: isReady,
                checks: [.init(name: "kafka", passed: isReady, detail: isReady ? "reached" : "not reached yet")])
        }

        func status() -> StatusReport {
            var report = StatusReport()
            report.encoder = "gru"
            report.items = 3
            return report
        }

        func recommendations(for user: UserID, query: ListQuery) async throws(QueryError) -> ListAnswer {
            if user.text == "busy" { throw .overloaded }
            if user.text == "early" { throw .unavailable("the state is being restored") }
            asked.withLock { $0.append(query) }
            let list = Recommendation(
                user: user, items: [], asOf: Timestamp(milliseconds: 1), generatedAt: Timestamp(milliseconds: 2),
                model: ModelVersion(encoder: "gru", version: 7), source: nil)
            return ListAnswer(recommendation: list, isFallback: user.text == "nobody")
        }
    }

    struct Answer {
        var status: Int
        var type: String
        var headers: [AnyHashable: Any]
        var body: String
        var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:] }
        func text(_ name: String) -> String? { json[name] as? String }
    }

    struct Asking: Sendable {
        let port: Int

        func callAsFunction(_ path: String, method: String = "GET", token: String? = nil) async throws -> Answer {
            guard let url = URL(string: "http://127.0.0.1:\(port)\(path)") else { throw URLError(.badURL) }
            var request = URLRequest(url: url, timeoutInterval: 20)
            request.httpMethod = method
            if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
            let (data, response) = try await URLSession.shared.data(for: request)
            guard let http = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
            return Answer(
                status: http.statusCode, type: http.value(forHTTPHeaderField: "Content-Type") ?? "",
                headers: http.allHeaderFields, body: String(decoding: data, as: UTF8.self))
        }
    }

    /// Runs the service while `body` asks it.
    func serving(
        _ stub: Stub, token: String? = nil, limits: HTTPLimits = HTTPLimits(), _ body: @Sendable @escaping (Asking) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        let service = HTTPService(host: "127.0.0.1", port: 0, token: token, service: stub, limits: limits, logger: logger) { found.yield($0) }
        let group = ServiceGroup(services: [service], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            for await port in ports {
                try await body(Asking(port: port))
                break
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func probesSayHowItIs() async throws {
        try await serving(Stub()) { ask in
            for path in ["/livez", "/readyz", "/healthz"] {
                let answer = try await ask(path)
                #expect(answer.status == 200 && answer.body == "ok\n", "\(path)")
            }
            #expect(try await ask("/readyz?verbose").body == "[+] kafka: reached\nready\n")
        }
        try await serving(Stub(isReady: false)) { ask in
            for path in ["/livez", "/readyz", "/healthz", "/readyz?verbose"] {
                let answer = try await ask(path)
                #expect(answer.status == 503, "\(path)")
            }
            let verbose = try await ask("/readyz?verbose")
            #expect(verbose.body == "[-] kafka: not reached yet\nnot ready\n")
        }
    }

    @Test func listsStatusAndMetricsAreServed() async throws {
        let stub = Stub()
        try await serving(stub) { ask in
            let list = try await ask("/v1/users/a%2Fb%20c/recommendations?count=5&exclude=seen,current")
            #expect(list.status == 200)
            #expect(list.type == "application/json")
            #expect(list.text("user") == "a/b c")
            #expect(list.text("fallback") == nil)
            let popular = try await ask("/v1/users/nobody/recommendations?exclude=none")
            #expect(popular.text("fallback") == "popular")
            let status = try await ask("/v1/status")
            #expect(status.text("encoder") == "gru")
            let metrics = try await ask("/metrics")
            #expect(metrics.type.hasPrefix("text/plain; version=0.0.4"))
            #expect(metrics.body.contains("freshet_items 3"))
        }
        #expect(stub.asked.withLock { $0 } == [ListQuery(count: 5, exclusions: [.seen, .current]), ListQuery(exclusions: [])])
    }

    @Test(arguments: [
        ("/v1/users/u/recommendations?count=0", 400), ("/v1/users/u/recommendations?count=1001", 400),
        ("/v1/users/u/recommendations?count=many", 400), ("/v1/users/u/recommendations?count=", 400),
        ("/v1/users/u/recommendations?exclude=sold", 400),
        ("/v1/users/\(String(repeating: "x", count: 257))/recommendations", 400),
        ("/v1/users/busy/recommendations", 503), ("/v1/users/early/recommendations", 503), ("/nowhere", 404),
        ("/v1/users//recommendations", 404),
        // An escape that is none, bytes that are no UTF-8, an overlong slash, half a surrogate.
        ("/v1/users/%/recommendations", 400), ("/v1/users/%4/recommendations", 400), ("/v1/users/%zz/recommendations", 400),
        ("/v1/users/%ff/recommendations", 400), ("/v1/users/%C0%AF/recommendations", 400),
        ("/v1/users/%ED%A0%80/recommendations", 400), ("/v1/users/u/recommendations?count=%ff", 400),
        ("/v1/users/u/recommendations?%2", 400),
        ("/v1/users/u/recommendations?counts=5", 400), ("/v1/users/u/recommendations?count=5&count=6", 400),
        ("/v1/users/u/recommendations?Count=5", 400), ("/metrics?name=x", 400), ("/v1/status?pretty", 400),
        ("/livez?depth=1", 400), ("/v1/users/\(String(repeating: "x", count: 9000))/recommendations", 414),
    ]) func whatIsWrongIsAProblem(path: String, status: Int) async throws {
        try await serving(Stub()) { ask in
            // As it stands: a library of clients would mend some of these.
            let answer = try await RawConnection.answer(ask.port, "GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            let parts = answer.components(separatedBy: "\r\n\r\n")
            try #require(parts.count == 2, "\(answer)")
            #expect(parts[0].hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
            #expect(parts[0].lowercased().contains("content-type: application/problem+json"))
            let problem = try #require(try JSONSerialization.jsonObject(with: Data(parts[1].utf8)) as? [String: Any])
            #expect(problem["status"] as? Int == status)
            #expect((problem["detail"] as? String)?.isEmpty == false)
            #expect(parts[0].lowercased().contains("retry-after:") == (status == 503))
        }
    }

    @Test func anotherMethodIsNotAllowed() async throws {
        try await serving(Stub()) { ask in
            for path in ["/", "/livez", "/metrics", "/v1/status", "/v1/users/u/recommendations"] {
                let answer = try await ask(path, method: "DELETE")
                #expect(answer.status == 405, "\(path)")
                #expect(answer.type == "application/problem+json")
                #expect(answer.headers["Allow"] as? String == "GET, HEAD, OPTIONS")
            }
            #expect(try await ask("/nowhere", method: "DELETE").status == 404)
            let options = try await ask("/v1/users/u/recommendations", method: "OPTIONS")
            #expect(options.status == 204 && options.headers["Allow"] as? String == "GET, HEAD, OPTIONS")
        }
    }

    @Test func anAddressThatIsTakenIsASentence() async throws {
        try await serving(Stub()) { ask in
            let second = HTTPService(
                host: "127.0.0.1", port: ask.port, token: nil, service: Stub(), logger: Logger(label: "test")
            ) { _ in }
            do {
                try await second.run()
                Issue.record("two services listen on one port")
            } catch let error as HTTPServiceError {
                #expect(error.description.contains("127.0.0.1:\(ask.port)") && error.description.contains("http.listen"))
            }
        }
    }

    @Test func theTokenGuardsEverythingButHealth() async throws {
        try await serving(Stub(), token: "secret") { ask in
            for path in ["/livez", "/readyz", "/healthz"] {
                let open = try await ask(path)
                #expect(open.status == 200)
            }
            for path in ["/metrics", "/v1/status", "/v1/users/u/recommendations", "/", "/nowhere"] {
                let refused = try await ask(path)
                #expect(refused.status == 401, "\(path)")
                #expect(refused.type == "application/problem+json")
                #expect(try await ask(path, token: "secre").status == 401)
                #expect(try await ask(path, token: "secrets").status == 401)
                #expect(try await ask(path, token: "secret").status != 401)
            }
        }
    }
}
