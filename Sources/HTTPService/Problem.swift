internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// An error answer, `application/problem+json` (RFC 9457).
struct Problem: Error, Codable {
    var type = "about:blank"
    var title: String
    var status: Int
    var detail: String

    init(_ status: HTTPResponse.Status, _ detail: String) {
        title = status.reasonPhrase
        self.status = status.code
        self.detail = detail
    }

    func response() throws -> Response {
        let body = try JSONEncoder().encode(self)
        var headers: HTTPFields = [.contentType: "application/problem+json"]
        if status == HTTPResponse.Status.unauthorized.code { headers[.wwwAuthenticate] = "Bearer" }
        if status == HTTPResponse.Status.serviceUnavailable.code { headers[.retryAfter] = "1" }
        return Response(
            status: .init(code: status), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
