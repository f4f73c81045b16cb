import ArgumentParser
import Foundation
import Tensors

/// Measures, and prints one JSON object a line.
struct Measure: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measures kernels, models, the engine and the daemon; one JSON object a line.",
        discussion: """
            Without names everything is measured: \(Bench.allCases.map(\.rawValue).joined(separator: ", ")).
            limit_us is what the machine needs at least, measured in the same run, distance the median over it, plain_us
            the median on the plain kernels. FRESHET_ISA forces an instruction set, FRESHET_COMMIT is printed as it is.

            Example: freshet-bench exact_top20 train
                     freshet-bench daemon --set model.max_items=100000 --set model.members=gru
            """)

    enum Bench: String, ExpressibleByArgument, CaseIterable {
        case exactTop20 = "exact_top20"
        case approximateTop20 = "approximate_top20"
        case encode
        case eventToList = "event_to_list"
        case train
        case engine
        case checkpoint
        case restore
        case daemon

        /// - Parameter overrides: settings of the daemon, as `freshet run --set` takes them.
        func run(overrides: [String], _ print: (BenchLine) throws -> Void) throws {
            switch self {
            case .exactTop20: try ModelBenches.exactTop20(print)
            case .approximateTop20: try IndexBench.approximateTop20(print)
            case .encode: try ModelBenches.encode(print)
            case .eventToList: try ModelBenches.eventToList(print)
            case .train: try ModelBenches.train(print)
            case .engine: try EngineBenches.engine(print)
            case .checkpoint: try StateBenches.checkpoint(print)
            case .restore: try StateBenches.restore(print)
            case .daemon: try DaemonBench(overrides).run(print)
            }
        }
    }

    @Argument(help: "What to measure.")
    var names: [Bench] = []

    @Option(name: .customLong("set"), help: "A setting of the daemon that is measured; may be repeated.")
    var overrides: [String] = []

    func run() throws {
        let commit = ProcessInfo.processInfo.environment["FRESHET_COMMIT"] ?? ""
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for bench in names.isEmpty ? Bench.allCases : names {
            try bench.run(overrides: overrides) { line in
                var line = line
                line.isa = InstructionSet.current.rawValue
                line.commit = commit
                print(String(decoding: try encoder.encode(line), as: UTF8.self))
                fflush(nil)
            }
        }
    }
}
