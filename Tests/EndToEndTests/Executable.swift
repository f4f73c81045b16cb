import Foundation

/// The real `freshet`, as a process.
final class Executable {
    let process = Process()

    /// The product beside this test bundle.
    static let path: String = {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("freshet").path
    }()

    init(_ arguments: [String], environment: [String: String] = [:]) throws {
        process.executableURL = URL(fileURLWithPath: Self.path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try Self.log()
        try process.run()
    }

    /// Where the log of a process goes: into a file of its own where FRESHET_TEST_LOGS names a directory.
    private static func log() throws -> FileHandle {
        guard let directory = ProcessInfo.processInfo.environment["FRESHET_TEST_LOGS"] else { return .nullDevice }
        let path = directory + "/freshet-\(UUID().uuidString).log"
        guard FileManager.default.createFile(atPath: path, contents: nil) else { return .nullDevice }
        return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    }

    /// Runs to its end.
    static func run(_ arguments: [String], environment: [String: String] = [:]) throws -> (code: Int32, output: String, errors: String) {
        let process = Process()
        let (output, errors) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        // What is printed in these tests fits a pipe.
        process.waitUntilExit()
        return (
            process.terminationStatus,
            String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self),
            String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        )
    }

    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Asks for the drain.
    ///
    /// - Returns: the exit code; nil where it had to be killed after a minute.
    func drain() -> Int32? {
        process.terminate()
        let deadline = Date().addingTimeInterval(60)
        while process.isRunning, Date() < deadline { usleep(20_000) }
        guard !process.isRunning else {
            kill()
            return nil
        }
        return process.terminationStatus
    }

    func signal(_ number: Int32) { Foundation.kill(process.processIdentifier, number) }

    deinit { if process.isRunning { kill() } }
}
