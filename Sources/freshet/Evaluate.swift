import ArgumentParser
import Daemon
import Engine
import EventFiles
import Evaluation
import Events
import Foundation
import Learning
import SequenceModels

struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Back-tests on files of events with the production learner, without Kafka.",
        discussion: """
            Every model ranks every known item before the event that scores it touches anything.

            prequential    each event is scored, then learned, as the daemon does; a target never seen is a miss
            continual      each --period is scored with what was learned before it, then learned; the mean of periods;
                           targets that nobody had touched before the period are left out
            temporal       --events is learned, then --test is scored and not learned
            leave-one-out  each user's last event is scored, the one before it is held back, the rest is learned

            Popularity, Markov chain, sequential rules, session-kNN and the last two together stand beside the models.
            --classify draws four items that did not come for each that did, and takes scores as probabilities whose
            meaning is learned from the scored events before. A convolution network that learns clicks and nothing
            else, click-network, stands beside the models; it makes no lists.

            Examples:
              freshet evaluate --events clicks.csv.gz --format json
              freshet evaluate --events train.csv.gz --protocol temporal --test test.csv.gz --exclude current
              freshet evaluate --events clicks.csv.gz --freeze 0.5 --staleness 1000,10000 --plot quality.svg
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }
    enum Exclude: String, ExpressibleByArgument, CaseIterable {
        case none, current, seen
        var exclusion: Exclusion? { Exclusion(rawValue: rawValue) }
    }

    enum ProtocolName: String, ExpressibleByArgument, CaseIterable {
        case prequential, continual, temporal
        case leaveOneOut = "leave-one-out"
    }

    @Option(parsing: .upToNextOption, help: "Files of events: JSON Lines, CSV or TSV, plain or gzip; - is standard input.")
    var events: [String]

    @Option(name: .customLong("protocol"), help: "How lists are made and scored.")
    var evaluationProtocol = ProtocolName.prequential

    @Option(help: "The held-out file of temporal.")
    var test: String?

    @Option(help: "The length of a continual period: 7d, 12h, 30m, 60s.")
    var period = Period(duration: .seconds(7 * 86_400))

    @Option(help: "What the lists leave out: nothing, the user's last item, or all items the user had.")
    var exclude = Exclude.none

    @Option(help: "The models to measure beside the baselines, separated by commas; the served one and its members where not given.")
    var model: String?

    @Flag(name: .customLong("float"), help: "Measure each encoder in float too, to see what int8 loses. Slow.")
    var includesFloat = false

    @Flag(help: "Measure scores as probabilities of a click: accuracy, precision, recall, F1, AUC, log loss.")
    var classify = false

    @Option(help: "Run the same models beside, learning only this share of the stream, and test the difference.")
    var freeze: Double?

    @Option(help: "Run the same models beside, so many events behind: 1000,10000.")
    var staleness: String?

    @Option(help: "For temporal and leave-one-out: go over what is learned so often; the best epoch on the held-back events counts.")
    var epochs = 1

    @Option(help: "Draw recall@20 over the stream into this SVG file.")
    var plot: String?

    @Option(help: "A table for people, or one JSON object.")
    var format = Format.text

    @OptionGroup var options: OptionalConfigurationOptions

    @Option(help: "Seed of everything drawn by chance; learning.seed where it is not given.")
    var seed: UInt64?

    @Option(help: "Events that are learned together, 1 to 16: what the daemon does under load.")
    var batch = 1

    func validate() throws {
        guard (1...Engine.learningBatchMax).contains(batch) else { throw ValidationError("--batch is from 1 to \(Engine.learningBatchMax)") }
        if evaluationProtocol == .temporal, test == nil {
            throw ValidationError("temporal scores a held-out file: name it with --test FILE")
        }
        if evaluationProtocol != .temporal, test != nil {
            throw ValidationError("--test is for --protocol temporal; \(evaluationProtocol.rawValue) holds out by itself")
        }
        guard (1...10_000).contains(epochs) else { throw ValidationError("--epochs is from 1 to 10000") }
        if epochs > 1, ![.temporal, .leaveOneOut].contains(evaluationProtocol) || freeze != nil || staleness != nil {
            throw ValidationError("--epochs is for --protocol temporal and leave-one-out, without --freeze and --staleness")
        }
        if let freeze, !(0..<1).contains(freeze) { throw ValidationError("--freeze is a share of the stream from 0 to below 1, as 0.5") }
        if staleness != nil, distances == nil {
            throw ValidationError("--staleness is up to \(Self.distancesMax) numbers of events, separated by commas, as 1000,10000")
        }
    }

    func run() throws {
        do {
            let configurations = try engineConfigurations()
            let began = ContinuousClock.now
            let (history, trainCount) = try readHistory()
            let schedule = schedule(history, trainCount: trainCount)
            var (report, plots): (EvaluationReport?, QualityPlot?) = (nil, nil)
            for configuration in configurations {
                let backtest = try run(history, schedule, configuration)
                var part = backtest.report(elapsed: ContinuousClock.now - began)
                if report == nil {
                    let dropped = unwanted(configuration)
                    part.keep { !dropped.contains($0) }
                } else {
                    // An engine after the first one is there for its own model only.
                    let own = configuration.encoder.rawValue
                    part.keep { $0 == own || $0 == own + Forecast.floatSuffix }
                }
                let plot = backtest.plot(models: part.models.keys.sorted())
                plots = plots?.joined(with: plot) ?? plot
                if var whole = report {
                    whole.merge(part)
                    whole.seconds = part.seconds
                    report = whole
                } else {
                    report = part
                }
            }
            guard let report else { return }
            print(format == .json ? try report.json() : report.text())
            if let plot, let svg = plots?.svg() { try write(svg, to: plot) }
        } catch let error as EventFileError {
            throw fail("\(error)", code: ExitStatus.usage)
        } catch let error as EvaluationError {
            throw fail("\(error)", code: ExitStatus.usage)
        } catch let error as EngineError {
            throw fail("\(error)", code: ExitStatus.internalError)
        }
    }

    private func run(
        _ history: EventHistory, _ schedule: Schedule, _ configuration: EngineConfiguration
    ) throws(EngineError) -> Backtest {
        let backtest = try Backtest(history, schedule, configuration, backtestOptions(configuration))
        var progress = ProgressLine()
        let served = configuration.encoder.rawValue
        try backtest.run { share in
            progress.show(share: share, "recall@20 \(served) " + String(format: "%.3f", backtest.recall(of: served)))
        }
        progress.end()
        return backtest
    }

    private func schedule(_ history: EventHistory, trainCount: Int) -> Schedule {
        switch evaluationProtocol {
        case .prequential: .prequential(history)
        case .continual: .continual(history, period: period.duration)
        case .temporal: .temporal(history, trainCount: trainCount)
        case .leaveOneOut: .leaveOneOut(history)
        }
    }

    private func backtestOptions(_ configuration: EngineConfiguration) -> BacktestOptions {
        var options = BacktestOptions()
        options.exclusion = exclude.exclusion
        options.batch = batch
        options.includesFloat = includesFloat
        options.classifies = classify
        options.frozenShare = freeze
        options.staleness = distances ?? []
        options.epochs = epochs
        options.seed = configuration.learner.seed
        return options
    }

    private static let distancesMax = 8

    private var distances: [Int]? {
        let parts = (staleness ?? "").split(separator: ",", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int($0) }.filter { $0 > 0 }
        return numbers.count == parts.count && numbers.count <= Self.distancesMax ? numbers : nil
    }
}

/// Files and models.
extension Evaluate {
    /// Every event of the files in their order, and how many of them come before those of --test.
    private func readHistory() throws -> (history: EventHistory, trainCount: Int) {
        var history = EventHistory()
        try history.read(events)
        let trainCount = history.count
        if let test { try history.read([test]) }
        return (history, trainCount)
    }

    private var asked: [String]? {
        model.map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    }

    /// One engine that runs what was asked for, an ensemble's members beside it; and for each model that is no
    /// member of the ensemble another one.
    private func engineConfigurations() throws -> [EngineConfiguration] {
        var configuration = EngineConfiguration(try options.load())
        if let seed { configuration.learner.seed = seed }
        guard let asked else { return [configuration] }
        let known = EngineConfiguration.Encoder.allCases.map(\.rawValue)
        guard !asked.isEmpty, asked.allSatisfy({ known.contains($0) }) else {
            throw ValidationError("--model is \(model ?? ""), not some of \(known.joined(separator: ", ")), separated by commas")
        }
        let kinds = EncoderKind.allCases.filter { asked.contains($0.rawValue) }
        var others: [EngineConfiguration.Encoder] = []
        if asked.contains(EngineConfiguration.Encoder.ensemble.rawValue) {
            configuration.encoder = .ensemble
            let missing = kinds.filter { !configuration.ensembleMembers.contains($0) }
            others = missing.compactMap { EngineConfiguration.Encoder(rawValue: $0.rawValue) }
        } else if kinds.count == 1, let encoder = EngineConfiguration.Encoder(rawValue: kinds[0].rawValue) {
            configuration.encoder = encoder
        } else {
            configuration.encoder = .ensemble
            configuration.ensembleMembers = kinds
        }
        return [configuration] + others.map { encoder in
            var other = configuration
            other.encoder = encoder
            return other
        }
    }

    /// Models that ran but were not asked for.
    private func unwanted(_ configuration: EngineConfiguration) -> Set<String> {
        guard let asked else { return [] }
        let ran = Set([configuration.encoder.rawValue] + configuration.neuralMembers.map(\.rawValue)).subtracting(asked)
        return ran.union(ran.map { $0 + Forecast.floatSuffix })
    }

    private func write(_ svg: String, to path: String) throws {
        do {
            try Data(svg.utf8).write(to: URL(fileURLWithPath: path))
        } catch {
            throw fail("\(path) cannot be written: check that its folder exists and may be written to", code: ExitStatus.usage)
        }
    }
}

/// A length of time on the command line: a number with s, m, h or d.
struct Period: ExpressibleByArgument {
    let duration: Duration

    init(duration: Duration) { self.duration = duration }

    init?(argument: String) {
        let seconds: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = argument.last.flatMap({ seconds[$0] }), let number = Int64(argument.dropLast()),
            number > 0, number <= 36_500 * 86_400 / unit
        else { return nil }
        duration = .seconds(number * unit)
    }

    var defaultValueDescription: String { "7d" }
}
