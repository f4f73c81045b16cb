import Foundation
import Logging
import Testing

@testable import HTTPService

/// Bytes over a socket, as no library of clients sends them.
struct RawConnection: Sendable {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)

    init(port: Int) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        try #require(connected == 0)
    }

    /// - Returns: whether the other side still takes it.
    @discardableResult func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    /// What comes until `word` has come, or the other side ends.
    func read(until word: String? = nil) -> String {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            received += buffer[..<count]
            if let word, String(decoding: received, as: UTF8.self).contains(word) { break }
        }
        return String(decoding: received, as: UTF8.self)
    }

    func close() { Glibc.close(descriptor) }

    static func answer(_ port: Int, _ request: String) async throws -> String {
        try await blocking {
            let connection = try RawConnection(port: port)
            defer { connection.close() }
            connection.send(request)
            return connection.read()
        }
    }
}

/// Runs what waits for the service on a thread that the service does not need.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}

extension HTTPServiceTests {
    @Test func usersAreTheBytesThatTheirEscapesStandFor() async throws {
        try await serving(Stub()) { ask in
            for (escaped, user) in [
                ("a+b", "a+b"), ("a%2Bb", "a+b"), ("%25ff", "%ff"), ("%2541", "%41"), ("%EF%BB%BFu", "\u{FEFF}u"),
                ("%c3%a9", "é"), ("a%2Fb", "a/b"), ("%3F%23", "?#"),
            ] {
                let answer = try await RawConnection.answer(
                    ask.port, "GET /v1/users/\(escaped)/recommendations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                let body = answer.components(separatedBy: "\r\n\r\n").last ?? ""
                // Byte by byte: readers of JSON drop a byte order mark.
                #expect(Array(body.utf8).starts(with: Array("{\"user\":\"\(user)\"".utf8)), "\(escaped): \(answer)")
            }
        }
    }

    @Test func headIsGetWithoutABody() async throws {
        try await serving(Stub()) { ask in
            for path in ["/livez", "/readyz?verbose", "/metrics", "/v1/status", "/v1/users/u/recommendations", "/", "/nowhere", "/livez?x"] {
                let end = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                let get = try await RawConnection.answer(ask.port, "GET \(path) \(end)").components(separatedBy: "\r\n\r\n")
                let head = try await RawConnection.answer(ask.port, "HEAD \(path) \(end)").components(separatedBy: "\r\n\r\n")
                try #require(get.count >= 2 && head.count == 2, "\(path)")
                #expect(head[1] == "" && get[1] != "")
                #expect(head[0].prefix(12) == get[0].prefix(12), "\(path)")
                #expect(head[0].lowercased().contains("content-length"), "\(path): \(head[0])")
            }
        }
    }

    @Test func theSchemeOfATokenIsReadInAnyCase() async throws {
        try await serving(Stub(), token: "secret") { ask in
            for (credentials, status) in [
                ("bearer secret", "200"), ("BEARER secret", "200"), ("Bearer  secret", "200"), ("Basic secret", "401"),
                ("Bearer", "401"), ("Bearer secret x", "401"), ("secret", "401"), ("Bearer Secret", "401"), ("Bearersecret", "401"),
            ] {
                let answer = try await RawConnection.answer(
                    ask.port, "GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: \(credentials)\r\n\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(credentials): \(answer.prefix(40))")
            }
        }
    }

    @Test(arguments: [
        ("FLY / HTTP/1.1\r\nHost: x\r\n\r\n", 501), ("get / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "y", count: 70_000))\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: x\r\n\(String(repeating: "X: y\r\n", count: 5000))\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400),
        ("GET /\u{1} HTTP/1.1\r\nHost: x\r\n\r\n", 400), ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", 400), ("nonsense\r\n\r\n", 400),
    ]) func whatIsNoHTTPIsAProblemToo(request: String, status: Int) async throws {
        try await serving(Stub()) { ask in
            let answer = try await RawConnection.answer(ask.port, request)
            let lines = answer.components(separatedBy: "\r\n")
            #expect(lines[0].hasPrefix("HTTP/1.1 "), "\(answer)")
            // A parser may find one of several faults first, as the request comes in pieces.
            let code = Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0
            let isExpected = code == status || (status == 400 && code == 501) || (status != 400 && code == 400)
            #expect(isExpected, "\(answer)")
            #expect(answer.lowercased().contains("content-type: application/problem+json"), "\(answer)")
            #expect(answer.components(separatedBy: "\r\n\r\n").last?.contains("\"status\":\(code)") == true, "\(answer)")
        }
    }

    @Test func connectionsThatDoNotAskInTimeEnd() async throws {
        var limits = HTTPLimits()
        limits.requestTime = .seconds(1)
        try await serving(Stub(), limits: limits) { ask in
            try await blocking {
                // One says nothing, one stops in the middle of a header, one in a body, one after an answer.
                let connections = try (0..<4).map { _ in try RawConnection(port: ask.port) }
                let (silent, slow, body, idle) = (connections[0], connections[1], connections[2], connections[3])
                slow.send("GET /livez HTTP/1.1\r\nHos")
                body.send("GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
                idle.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                let began = ContinuousClock.now
                // A byte now and then is no request.
                while slow.send("t"), ContinuousClock.now - began < .seconds(15) { usleep(50_000) }
                #expect(silent.read() == "")
                #expect(idle.read().hasPrefix("HTTP/1.1 200"))
                #expect(body.read().hasPrefix("HTTP/1.1 200"))
                #expect(ContinuousClock.now - began < .seconds(15))
                for connection in connections { connection.close() }
            }
            #expect(try await ask("/livez").status == 200)
        }
    }

    @Test func aClientThatReadsNothingDoesNotHoldTheService() async throws {
        var limits = HTTPLimits()
        limits.requestTime = .seconds(1)
        try await serving(Stub(), limits: limits) { ask in
            let isEnded = try await blocking {
                let deaf = try RawConnection(port: ask.port)
                defer { deaf.close() }
                var limit = timeval(tv_sec: 15, tv_usec: 0)
                setsockopt(deaf.descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
                let requests = String(repeating: "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", count: 20)
                // Until the service has ended it: what it answers is never taken.
                let began = ContinuousClock.now
                while deaf.send(requests) {}
                return ContinuousClock.now - began < .seconds(14)
            }
            #expect(isEnded)
            #expect(try await ask("/livez").status == 200)
        }
    }

    @Test func oneConnectionTooManyWaitsForAnother() async throws {
        var limits = HTTPLimits()
        limits.connectionsMax = 2
        limits.requestTime = .seconds(1)
        try await serving(Stub(), limits: limits) { ask in
            let idle = try await blocking { [try RawConnection(port: ask.port), try RawConnection(port: ask.port)] }
            // Both end in time, and the third is served.
            let answer = try await RawConnection.answer(ask.port, "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200"))
            for connection in idle { connection.close() }
        }
    }

    @Test func aServiceThatIsToldToEndBeforeItServesEnds() async throws {
        for _ in 0..<20 {
            try await serving(Stub()) { _ in }
            let service = HTTPService(host: "127.0.0.1", port: 0, token: nil, service: Stub(), logger: .init(label: "test")) { _ in }
            let task = Task { try await service.run() }
            task.cancel()
            try await task.value
        }
    }
}
