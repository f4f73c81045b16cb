import ArgumentParser
import Foundation
import Simulation

/// Runs the production loop through simulated disasters, one for each seed.
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Runs the production engine and delivery code in a world that fails on purpose.",
        discussion: """
            One seed is one story: what arrives, what goes wrong, and when. A line is printed for each seed that
            breaks a promise, then one with the sums; the exit code is 1 where there was any.

            Example: freshet-bench simulate --seeds 10000
            """)

    @Option(help: "How many seeds to run.")
    var seeds: UInt64 = 1000

    @Option(help: "The first seed.")
    var first: UInt64 = 0

    @Flag(help: "Leave the faults out: what fails then fails by itself.")
    var calm = false

    /// A seed that broke a promise.
    private struct Failure: Encodable {
        var seed: UInt64
        var violations: [String]
        var history: [String]
    }

    private struct Sums: Encodable {
        var bench = "simulate"
        var seeds: UInt64
        var failures = 0
        /// Starts of a process; one a seed where nothing ended one.
        var processes = 0
        var faults = 0
        var calls = 0
        /// Seeds whose state was compared bit for bit with an undisturbed run's.
        var compared = 0
        var seconds = 0.0
        var commit = ProcessInfo.processInfo.environment["FRESHET_COMMIT"] ?? ""
    }

    func run() throws {
        let began = ContinuousClock.now
        var sums = Sums(seeds: seeds)
        for seed in first..<first + seeds {
            var scenario = Scenario(seed: seed)
            if calm { scenario.faults = FaultPlan([]) }
            let verdict = scenario.verdict()
            sums.processes += verdict.processes
            sums.faults += verdict.history.count
            sums.calls += verdict.calls
            sums.compared += verdict.comparesState ? 1 : 0
            guard !verdict.violations.isEmpty else { continue }
            sums.failures += 1
            try print(Failure(seed: seed, violations: verdict.violations, history: verdict.history))
        }
        sums.seconds = (ContinuousClock.now - began) / .seconds(1)
        try print(sums)
        if sums.failures > 0 { throw ExitCode.failure }
    }

    private func print(_ line: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        Swift.print(String(decoding: try encoder.encode(line), as: UTF8.self))
        fflush(nil)
    }
}
