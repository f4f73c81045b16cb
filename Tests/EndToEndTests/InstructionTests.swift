import Foundation
import Testing

#if arch(x86_64)
    extension EndToEndTests {
        private static let valgrind = "/usr/bin/valgrind"

        /// What an event costs, counted and not timed: the same on every machine that has AVX2, and whatever else it does.
        /// The bounds are a quarter above what was counted when they were written: who crosses one has made every event
        /// dearer, and says why.
        @Test(
            .enabled(if: FileManager.default.isExecutableFile(atPath: valgrind), "valgrind is not installed"),
            arguments: [("gru", 360.0), ("ensemble", 1270.0)])
        func anEventTakesNoMoreInstructionsThanItDid(encoder: String, thousandsMax: Double) throws {
            let program = NSTemporaryDirectory() + "freshet-bench-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: program) }
            // Its debug information is more than valgrind can read.
            let strip = try Process.run(
                URL(fileURLWithPath: "/usr/bin/env"), arguments: ["strip", "-s", "-o", program, Executable.path + "-bench"])
            strip.waitUntilExit()
            #expect(strip.terminationStatus == 0)
            let (few, many) = (64, 192)
            let fewer = try instructions(program, encoder, events: few)
            let more = try instructions(program, encoder, events: many)
            let thousands = Double(more - fewer) / Double(many - few) / 1000
            #expect(thousands < thousandsMax, "\(thousands) thousand instructions an event")
            // It was counted at all: one pass over the table alone is more.
            #expect(thousands > 1)
        }

        @Test(arguments: [["--encoder", "markov"], ["--events", "-1"], ["--items", "0"]])
        func workThatIsNoneIsRefused(arguments: [String]) throws {
            let process = Process()
            let errors = Pipe()
            process.executableURL = URL(fileURLWithPath: Executable.path + "-bench")
            process.arguments = ["work"] + arguments
            process.standardError = errors
            try process.run()
            let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 64)
            #expect(text.contains(arguments[1]) || text.contains(arguments[0]), "\(text)")
        }

        private func instructions(_ program: String, _ encoder: String, events: Int) throws -> Int {
            let process = Process()
            let errors = Pipe()
            process.executableURL = URL(fileURLWithPath: Self.valgrind)
            process.arguments = [
                "--tool=callgrind", "--callgrind-out-file=/dev/null", program, "work", "--items", "300", "--encoder", encoder, "--events",
                "\(events)",
            ]
            process.environment = ProcessInfo.processInfo.environment.merging(
                ["FRESHET_ISA": "avx2", "SWIFT_DETERMINISTIC_HASHING": "1"]) { _, ours in ours }
            process.standardError = errors
            try process.run()
            let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "\(text)")
            // ==1234== Collected : 56789
            let line = try #require(text.split(separator: "\n").last { $0.contains("Collected :") }, "\(text)")
            return try #require(line.split(separator: " ").last.flatMap { Int($0) })
        }
    }
#endif
