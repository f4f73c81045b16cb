import Foundation
import Testing

/// What systemd hears of the daemon: datagrams to the socket that NOTIFY_SOCKET names (sd_notify(3)).
@Suite(.serialized) struct NotifyTests {
    private final class NotifySocket {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("notify-\(UUID().uuidString.prefix(8))").path
        private let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)

        init() throws {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let isShort = withUnsafeMutableBytes(of: &address.sun_path) { room in
                room.copyBytes(from: path.utf8.prefix(room.count - 1))
                return path.utf8.count < room.count
            }
            let bound = withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            var limit = timeval(tv_sec: 30, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            try #require(isShort && bound == 0)
        }

        /// The next message; nil where none comes for half a minute.
        private func next() -> String? {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &bytes, bytes.count, 0)
            return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
        }

        /// Every message up to one that has `word` in it.
        func messages(until word: String) -> [String] {
            var heard: [String] = []
            while let message = next(), heard.count < 10_000 {
                heard.append(message)
                if message.contains(word) { break }
            }
            return heard
        }

        deinit {
            close(descriptor)
            unlink(path)
        }
    }

    @Test func systemdHearsOfTheRestoreOfReadinessAndOfTheEnd() throws {
        let (cluster, socket) = (try Cluster(), try NotifySocket())
        let first = try Executable(cluster.arguments(port: try EndToEndTests.freePort()))
        try cluster.send(events: (0..<20).map { (user: "u\($0 % 4)", item: "i\($0 % 5)") }, from: 0)
        #expect(try cluster.read("recommendations") { $0.count >= 20 }.count == 20)
        #expect(first.drain() == 0)

        let port = try EndToEndTests.freePort()
        let second = try Executable(cluster.arguments(port: port), environment: ["NOTIFY_SOCKET": socket.path])
        let start = socket.messages(until: "READY=1")
        #expect(start.last?.contains("READY=1") == true)
        // Five items and four users came back; a restore that takes long is given time as it goes.
        #expect(start.first?.hasPrefix("EXTEND_TIMEOUT_USEC=120000000\n") == true)
        #expect(start.contains("EXTEND_TIMEOUT_USEC=120000000\nSTATUS=restoring the state, 9 rows so far"), "\(start)")
        #expect(socket.messages(until: "WATCHDOG=1").last == "WATCHDOG=1")
        #expect(second.drain() == 0)
        #expect(socket.messages(until: "STOPPING=1").last?.contains("STOPPING=1") == true)
    }
}
