internal import HTTPTypes
internal import Hummingbird
internal import Logging

/// Turns every error into a problem answer: what a route refuses, what the router does not know, and
/// what should not have happened. HEAD is answered as GET, without the body.
struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    let targetBytesMax: Int

    @concurrent func handle(
        _ request: Request, context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let response = await answer(request, context, next)
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(
        _ request: Request, _ context: Context, _ next: @concurrent (Request, Context) async throws -> Response
    ) async -> Response {
        guard (request.head.path ?? "").utf8.count <= targetBytesMax else {
            return Problem(.uriTooLong, "the path and the query have more than \(targetBytesMax) bytes").response()
        }
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return problem.response()
        } catch let error as HTTPError where error.status == .notFound {
            return unknown(request)
        } catch let error as HTTPError {
            return Problem(error.status, error.body ?? "").response()
        } catch {
            context.logger.error("a request failed", metadata: ["error": "\(error)"])
            return Problem(.internalServerError, "the request failed; the log says why").response()
        }
    }

    /// Every address of the service is for reading.
    private func unknown(_ request: Request) -> Response {
        let path = request.uri.path
        guard Routes.hasRoute(path), request.method != .get, request.method != .head else {
            return Problem(.notFound, "there is no \(path)").response()
        }
        guard request.method != .options else { return Response(status: .noContent, headers: [.allow: Routes.methods]) }
        return Problem(.methodNotAllowed, "\(request.method.rawValue) is not a method of \(path)", allow: Routes.methods).response()
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
        guard openPaths.contains(request.uri.path) || isAuthorized(request.headers[.authorization]) else {
            throw Problem(.unauthorized, "this address needs Authorization: Bearer with the configured token")
        }
        return try await next(request, context)
    }

    /// The scheme in any case (RFC 9110), then spaces, then the token.
    private func isAuthorized(_ credentials: String?) -> Bool {
        let parts = (credentials ?? "").split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return false }
        let given = Array(parts[1].drop { $0 == " " }.utf8)
        let expected = Array(token.utf8)
        // Every byte is compared, so that time does not tell how many were right.
        var difference = UInt8(given.count == expected.count ? 0 : 1)
        for (index, byte) in expected.enumerated() { difference |= byte ^ (index < given.count ? given[index] : 0) }
        return difference == 0
    }
}
