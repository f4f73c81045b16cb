import ArgumentParser
import Events
import Foundation
import StateStore

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

    static func main() async {
        // A file that may not grow further is an error to be told, not the end.
        StateStore.ignoreFileSizeSignal()
        if let problem = ArgumentCheck.problem(CommandLine.arguments) {
            Foundation.exit(fail(problem, code: ExitStatus.usage).rawValue)
        }
        await main(nil)
    }
}

/// Ends the process with one sentence and an exit code, never with a stack trace.
func fail(_ message: String, code: Int32) -> ExitCode {
    FileHandle.standardError.write(Data(("freshet: " + message + "\n").utf8))
    return ExitCode(code)
}

/// Exit codes of what is no error value of its own.
enum ExitStatus {
    static let usage = Recovery.correctCommand.exitCode
    static let unreachable = Recovery.operator.exitCode
    static let internalError = Recovery.reportBug.exitCode
    static let configuration = Recovery.reconfigure.exitCode
}

extension ExitStatus {
    /// What a new start heals: systemd tries again.
    static let restart: Int32 = 75
}
