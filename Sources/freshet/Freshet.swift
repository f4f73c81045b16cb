import ArgumentParser
import Foundation

/// The command line: parses, calls, prints. What it does lives in the targets below.
@main
struct Freshet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freshet",
        abstract: "Turns a Kafka stream of user events into a stream of recommendations that learn from every event.",
        version: "0.1.0",
        subcommands: [
            Run.self, Demo.self, Check.self, Evaluate.self, Train.self, Inspect.self, Recommend.self, Export.self,
            Import.self, Status.self,
        ])
}

/// Ends the process with one sentence and an exit code, never with a stack trace.
func fail(_ message: String, code: Int32) -> ExitCode {
    FileHandle.standardError.write(Data(("freshet: " + message + "\n").utf8))
    return ExitCode(code)
}

/// sysexits(3), as the README lists them.
enum ExitStatus {
    static let usage: Int32 = 64
    static let unreachable: Int32 = 69
    static let internalError: Int32 = 70
    static let state: Int32 = 74
    static let configuration: Int32 = 78
}
