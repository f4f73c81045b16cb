internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// An error answer, `application/problem+json` (RFC 9457).
struct Problem: Error, Codable {
    var type = "about:blank"
    var title: String
    var status: Int
    var detail: String
    /// The methods of an address that another one was tried on.
    var allow: String?

    private enum CodingKeys: CodingKey { case type, title, status, detail }

    init(_ status: HTTPResponse.Status, _ detail: String, allow: String? = nil) {
        title = status.reasonPhrase
        self.status = status.code
        self.detail = detail
        self.allow = allow
    }

    var headers: HTTPFields {
        var headers: HTTPFields = [.contentType: "application/problem+json"]
        if status == HTTPResponse.Status.unauthorized.code { headers[.wwwAuthenticate] = "Bearer" }
        if status == HTTPResponse.Status.serviceUnavailable.code { headers[.retryAfter] = "1" }
        if let allow { headers[.allow] = allow }
        return headers
    }

    var body: [UInt8] {
        // Three texts and a number: nothing of this fails to be encoded.
        (try? JSONEncoder().encode(self)).map(Array.init) ?? []
    }

    func response() -> Response {
        Response(status: .init(code: status), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
