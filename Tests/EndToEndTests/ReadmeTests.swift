import Foundation
import Testing

/// What the README tells a user to type does what it says.
@Suite(.serialized) struct ReadmeTests {
    /// Commands of the README that do not run here, by how they begin, and why.
    private static let elsewhere = [
        "make demo": "builds; the demo itself runs below",
        "make test": "is what runs this",
        "kafka-topics.sh": "comes with Apache Kafka, which is not installed here",
        "freshet check --config /etc/freshet/freshet.yaml --connect": "asks the broker of an installed daemon",
        "systemctl": "needs systemd as the first process",
    ]

    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func readme() throws -> String {
        try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    }

    /// The indented lines, those of a loop and those that end with a backslash as one; records are no commands.
    private static func commands() throws -> [String] {
        var commands: [String] = []
        var isOpen = false
        var isRecord = false
        var isDrawing = false
        for line in try readme().components(separatedBy: "\n") {
            if line.hasPrefix("```") { isDrawing.toggle() }
            if isDrawing { continue }
            guard line.hasPrefix("    ") else {
                (isOpen, isRecord) = (false, false)
                continue
            }
            let text = line.trimmingCharacters(in: .whitespaces)
            isRecord = isRecord || text.hasPrefix("{")
            if isRecord { continue }
            if isOpen, let last = commands.popLast() {
                commands.append(last.hasSuffix("\\") ? last.dropLast() + text : last + "\n" + text)
            } else {
                commands.append(text)
            }
            guard let command = commands.last else { continue }
            isOpen = text.hasSuffix("\\") || command.hasPrefix("for ") && text != "done"
        }
        return commands
    }

    private static func reason(_ command: String) -> String? {
        elsewhere.first { command.hasPrefix($0.key) }?.value
    }

    @Test func everyListedReasonIsOfACommandThatIsThere() throws {
        let commands = try Self.commands()
        #expect(commands.count > 10)
        for beginning in Self.elsewhere.keys { #expect(commands.contains { $0.hasPrefix(beginning) }, "\(beginning)") }
    }

    @Test func theCommandsDoWhatTheySay() async throws {
        let port = try EndToEndTests.freePort()
        let demo = Process()
        let output = Pipe()
        demo.executableURL = URL(fileURLWithPath: Executable.path)
        demo.arguments = ["demo", "--duration", "300", "--http", "127.0.0.1:\(port)"]
        demo.standardOutput = output
        try demo.run()
        defer { if demo.isRunning { kill(demo.processIdentifier, SIGKILL) } }
        #expect(try await EndToEndTests.wait(port, "/readyz", for: 200))
        let printed = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let broker = try #require(printed.firstMatch(of: /Kafka +([0-9.:]+)/)?.1, "\(printed)")
        // What is said of the demo's user is so once they came by.
        let user = try #require(try Self.readme().firstMatch(of: /v1\/users\/(u[0-9]+)\/recommendations/)?.1)
        for _ in 0..<300 where await EndToEndTests.get(port, "/v1/users/\(user)/recommendations")?.body.contains("fallback") != false {
            try await Task.sleep(for: .milliseconds(100))
        }

        var script = "set -eo pipefail\ncurl() { command curl -sS --fail-with-body --max-time 20 \"$@\"; }\n"
        let commands = try Self.commands().filter { Self.reason($0) == nil }
        for (index, command) in commands.enumerated() {
            script += "echo; echo '@@@ \(index)'\n"
            script += command.replacing("127.0.0.1:PORT", with: broker).replacing("127.0.0.1:8080", with: "127.0.0.1:\(port)") + "\n"
        }
        let shell = try Self.run("/bin/bash", ["-c", script], limit: 120)
        #expect(shell.code == 0, "\(shell.output.suffix(2000)) \(shell.errors)")
        let answers = shell.output.components(separatedBy: "@@@ ").dropFirst().map { $0.drop { $0 != "\n" }.dropFirst() }
        try #require(answers.count == commands.count)
        for (command, answer) in zip(commands, answers) {
            let about = Comment(rawValue: "\(command): \(answer.prefix(500))")
            if command.contains("-t recommendations -C") { #expect(answer.contains(#""items":[{"item":"#), about) }
            if command.contains("readyz") { #expect(answer.contains("[+] kafka"), about) }
            if command.contains("/users/") { #expect(answer.contains(#""items":[{"item":"#), about) }
            if command.contains("/users/\(user)/") { #expect(!answer.contains("fallback"), about) }
            if command.contains("/metrics") { #expect(answer.contains("freshet_ready 1.0"), about) }
            if command.contains("-t events.dlq") { #expect(answer.contains("not an event") && answer.contains("exception.message"), about) }
        }
        demo.terminate()
        demo.waitUntilExit()
        #expect(demo.terminationStatus == 0 && demo.terminationReason == .exit)
    }

    /// Options that a sentence or a table of the README names are options of that command.
    @Test func everyOptionThatIsNamedIsThere() throws {
        let text = try Self.readme()
        var seen = 0
        for match in text.matches(of: /`freshet ([a-z]+)([^`]*)`/) {
            let help = try Self.run(Executable.path, [String(match.1), "--help"], limit: 30).output
            for option in match.2.matches(of: /--[a-z-]+/) {
                #expect(help.contains(option.0), "freshet \(match.1) \(option.0)")
                seen += 1
            }
        }
        #expect(seen > 15)
    }

    /// `make install` into a directory of its own, as a package would.
    @Test func installingKeepsAConfigurationThatWasEdited() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("install-\(UUID().uuidString)").path
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let files = FileManager.default
        // What is installed is not built here: the recipe takes the program from where this test has it.
        let makefile = try String(contentsOf: Self.root.appendingPathComponent("Makefile"), encoding: .utf8)
            .replacing(".build/release/freshet $(DESTDIR)", with: Executable.path + " $(DESTDIR)")
        try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try makefile.write(toFile: directory + "/Makefile", atomically: true, encoding: .utf8)
        func install() throws -> String {
            let arguments = ["-C", Self.root.path, "-f", directory + "/Makefile", "install", "DESTDIR=\(directory)/root"]
            let result = try Self.run("/usr/bin/make", arguments, limit: 60)
            #expect(result.code == 0, "\(result.errors)")
            return result.output
        }
        let configuration = directory + "/root/etc/freshet/freshet.yaml"
        let shipped = try Data(contentsOf: Self.root.appendingPathComponent("config/freshet.yaml"))
        _ = try install()
        #expect(try Data(contentsOf: URL(fileURLWithPath: configuration)) == shipped)
        for path in ["/usr/bin/freshet", "/lib/systemd/system/freshet.service"] { #expect(files.fileExists(atPath: directory + "/root" + path)) }
        _ = try install()
        #expect(!files.fileExists(atPath: configuration + ".new"))
        let edited = Data("kafka: {bootstrap_servers: \"mine:9092\"}\n".utf8)
        try edited.write(to: URL(fileURLWithPath: configuration))
        #expect(try install().contains("freshet.yaml.new"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: configuration)) == edited)
        #expect(try Data(contentsOf: URL(fileURLWithPath: configuration + ".new")) == shipped)
    }

    private static func run(_ path: String, _ arguments: [String], limit: Int) throws -> (code: Int32, output: String, errors: String) {
        let process = Process()
        let (output, errors) = (Pipe(), FileManager.default.temporaryDirectory.appendingPathComponent("errors-\(UUID().uuidString)"))
        FileManager.default.createFile(atPath: errors.path, contents: nil)
        defer { do { try FileManager.default.removeItem(at: errors) } catch {} }
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["\(limit)", path] + arguments
        process.standardOutput = output
        process.standardError = try FileHandle(forWritingTo: errors)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: bytes, as: UTF8.self), try String(contentsOf: errors, encoding: .utf8))
    }
}
