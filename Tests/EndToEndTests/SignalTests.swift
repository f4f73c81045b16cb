import Foundation
import Testing

/// However a command that runs for long is ended, it ends, and soon.
@Suite(.serialized) struct SignalTests {
    /// The end of a process within a time; nil where it does not come, and it is killed.
    private func end(_ executable: Executable, within seconds: Double) -> (code: Int32, reason: Process.TerminationReason)? {
        let deadline = Date().addingTimeInterval(seconds)
        while executable.process.isRunning, Date() < deadline { usleep(10_000) }
        guard !executable.process.isRunning else {
            executable.kill()
            return nil
        }
        return (executable.process.terminationStatus, executable.process.terminationReason)
    }

    /// Listens on a port of its own until the body ends.
    private func whileTaken(_ body: (Int) throws -> Void) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 1) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(bound)
        try body(Int(UInt16(bigEndian: address.sin_port)))
    }

    /// Until the process has its own hand on SIGTERM: before that, in the first milliseconds, the system ends it.
    private func waitUntilCaught(_ executable: Executable) throws {
        let path = "/proc/\(executable.process.processIdentifier)"
        for _ in 0..<5000 {
            let status = (try? String(contentsOfFile: path + "/status", encoding: .utf8)) ?? ""
            let mask = status.firstMatch(of: /SigCgt:\s+([0-9a-f]+)/).flatMap { UInt64($0.1, radix: 16) } ?? 0
            // Between fork and exec it is still this process, with its own handlers.
            let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: path + "/exe")) ?? ""
            if program.hasSuffix("/freshet"), mask & 1 << (UInt64(SIGTERM) - 1) != 0 { return }
            usleep(2000)
        }
        Issue.record("SIGTERM is never caught")
    }

    @Test func anHTTPPortThatIsTakenEndsTheDemoAndTheDaemon() throws {
        try whileTaken { port in
            let cluster = try Cluster()
            for arguments in [["demo", "--duration", "60", "--http", "127.0.0.1:\(port)"], cluster.arguments(port: port)] {
                let executable = try Executable(arguments)
                // What a new start heals: the other program may be gone then.
                let end = end(executable, within: 30)
                #expect(end?.code == 75 && end?.reason == .exit, "\(arguments[0]): \(String(describing: end))")
            }
        }
    }

    @Test func beingToldToEndAtTheVeryBeginningIsAnEndLikeAnyOther() throws {
        for (index, signal) in [SIGTERM, SIGINT, SIGTERM].enumerated() {
            let cluster = try Cluster()
            let commands = [
                ["demo", "--duration", "60", "--http", "127.0.0.1:\(try EndToEndTests.freePort())"],
                cluster.arguments(port: try EndToEndTests.freePort()),
            ]
            for arguments in commands {
                let executable = try Executable(arguments)
                try waitUntilCaught(executable)
                usleep(UInt32(index * 100_000))
                executable.signal(signal)
                let end = end(executable, within: 30)
                #expect(end?.code == 0 && end?.reason == .exit, "\(arguments[0]), \(signal): \(String(describing: end))")
            }
        }
    }

    @Test func aSecondInterruptEndsAtOnce() async throws {
        let cluster = try Cluster()
        let port = try EndToEndTests.freePort()
        let daemon = try Executable(cluster.arguments(port: port))
        #expect(try await EndToEndTests.wait(port, "/readyz", for: 200))
        // Stopped, it hears both before it can do anything about the first.
        daemon.signal(SIGSTOP)
        daemon.signal(SIGTERM)
        daemon.signal(SIGINT)
        daemon.signal(SIGCONT)
        let end = end(daemon, within: 10)
        // Which of two that wait is delivered first is the system's choice: the second SIGINT, or the drain.
        #expect(end?.reason == .exit && (end?.code == 130 || end?.code == 0), "\(String(describing: end))")
    }

    @Test func tooFewDescriptorsAreASentence() throws {
        for command in ["demo --duration 5 --http 127.0.0.1:0", "run --set state.directory=/nowhere"] {
            let (code, errors) = try limited("ulimit -n 64", command)
            #expect(code == 78 && errors.hasPrefix("freshet: this process may have 64 files open"), "\(errors)")
        }
    }

    /// As where the system commits memory when it is reserved.
    @Test func memoryThatTheSystemDoesNotGrantIsASentence() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("limited-\(UUID().uuidString)").path
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let port = try EndToEndTests.freePort()
        let (code, errors) = try limited(
            "ulimit -v 4000000",
            "run --set state.directory=\(directory) --set http.listen=127.0.0.1:\(port) --set model.max_items=16000000 --set model.dimensions=512")
        #expect(code == 78 && errors.contains("model.max_items"), "\(errors.suffix(2000))")
        #expect(!errors.contains("Fatal error") && !errors.contains("stack dump"))
    }

    private func limited(_ limit: String, _ command: String) throws -> (code: Int32, errors: String) {
        let process = Process()
        let errors = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", "\(limit); exec timeout 60 '\(Executable.path)' \(command)"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = errors
        try process.run()
        let bytes = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
    }
}
