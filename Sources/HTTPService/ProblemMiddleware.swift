internal import Hummingbird
internal import Logging

/// Turns every error into a problem answer: what a route refuses, what the router does not know, and
/// what should not have happened.
struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    let paths: Set<String>

    @concurrent func handle(
        _ request: Request, context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return try problem.response()
        } catch let error as HTTPError where error.status == .notFound {
            let known = paths.contains(request.uri.path) && request.method != .get
            let problem =
                known
                ? Problem(.methodNotAllowed, "\(request.method.rawValue) is not a method of \(request.uri.path)")
                : Problem(.notFound, "there is no \(request.uri.path)")
            return try problem.response()
        } catch let error as HTTPError {
            return try Problem(error.status, error.body ?? "").response()
        } catch {
            context.logger.error("a request failed", metadata: ["error": "\(error)"])
            return try Problem(.internalServerError, "the request failed; the log says why")
                .response()
        }
    }
}

/// Lets nothing but health pass without the token, where one is configured.
struct TokenMiddleware<Context: RequestContext>: RouterMiddleware {
    let token: String
    let openPaths: Set<String>

    @concurrent func handle(
        _ request: Request, context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard !openPaths.contains(request.uri.path) else { return try await next(request, context) }
        let expected = Array("Bearer \(token)".utf8)
        let given = Array((request.headers[.authorization] ?? "").utf8)
        // Every byte is compared, so that time does not tell how many were right.
        var difference = UInt8(given.count == expected.count ? 0 : 1)
        for (place, byte) in expected.enumerated() { difference |= byte ^ (place < given.count ? given[place] : 0) }
        guard difference == 0 else {
            throw Problem(.unauthorized, "this address needs Authorization: Bearer with the configured token")
        }
        return try await next(request, context)
    }
}
