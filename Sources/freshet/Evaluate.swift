import ArgumentParser
import Daemon
import Engine
import EventFiles
import Evaluation
import Events
import Foundation
import Learning

struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Back-tests on files of events with the production learner, without Kafka.",
        discussion: """
            Prequential: before each event every model lists what it expects, the event scores the lists, then it
            is learned. Every known item is ranked; a target never seen before is a miss.

            Example: freshet evaluate --events clicks.csv.gz --format json
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }
    enum Exclude: String, ExpressibleByArgument, CaseIterable { case none, current, seen }
    enum EvaluationProtocol: String, ExpressibleByArgument, CaseIterable { case prequential }

    @Option(parsing: .upToNextOption, help: "Files of events: JSON Lines, CSV or TSV, plain or gzip; - is standard input.")
    var events: [String]

    @Option(name: .customLong("protocol"), help: "How lists are made and scored.")
    var evaluationProtocol = EvaluationProtocol.prequential

    @Option(help: "What the lists leave out.")
    var exclude = Exclude.none

    @Option(help: "A table for people, or one JSON object.")
    var format = Format.text

    @OptionGroup var options: OptionalConfigurationOptions

    @Option(help: "Seed of everything drawn by chance; learning.seed where it is not given.")
    var seed: UInt64?

    @Option(help: "The models to measure beside the baselines, separated by commas: ensemble, gru.")
    var model = "ensemble,gru"

    @Option(help: "Events that are learned together, 1 to 16: what the daemon does under load.")
    var batch = 1

    private var models: [EngineConfiguration.Encoder] {
        model.split(separator: ",").compactMap { EngineConfiguration.Encoder(rawValue: String($0)) }
    }

    func validate() throws {
        guard !models.isEmpty, models.count == model.split(separator: ",", omittingEmptySubsequences: false).count else {
            throw ValidationError("--model is \(model), not ensemble, gru or both, separated by a comma")
        }
        guard (1...Engine.learningBatchMax).contains(batch) else { throw ValidationError("--batch is from 1 to 16") }
    }

    func run() throws {
        do {
            let report = try evaluate()
            print(format == .json ? try report.json() : report.text())
        } catch let error as EventFileError {
            throw fail("\(error)", code: ExitStatus.usage)
        } catch let error as EngineError {
            throw fail("\(error)", code: ExitStatus.internalError)
        }
    }

    private func evaluate() throws -> EvaluationReport {
        var configuration = EngineConfiguration(try options.load())
        if let seed { configuration.learner.seed = seed }
        // The ensemble has the GRU as a member: one pass measures both.
        configuration.encoder = models.contains(.ensemble) ? .ensemble : .gru
        let exclusions: Set<Exclusion> = exclude == .none ? [] : exclude == .current ? [.current] : [.seen]
        var evaluation = try PrequentialEvaluation(configuration, exclusions: exclusions, batch: batch)
        var progress = ProgressLine()
        let began = ContinuousClock.now
        for (place, path) in events.enumerated() {
            let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
            var reader = try EventFileReader(path: path, now: now)
            var count = 0
            while let event = try reader.next() {
                try evaluation.add(event)
                count += 1
                guard count % 500 == 0 else { continue }
                let share = reader.progress.map { (Double(place) + $0) / Double(events.count) }
                progress.show(
                    share: share,
                    "recall@20 \(evaluation.servedModel) "
                        + String(format: "%.3f", evaluation.recall(of: evaluation.servedModel)))
            }
            if let problem = reader.firstProblem {
                progress.end()
                print("\(path): \(reader.skipped) lines were passed over; the first: \(problem)", to: &standardError)
            }
        }
        progress.end()
        var report = evaluation.report(elapsed: ContinuousClock.now - began)
        for encoder in EngineConfiguration.Encoder.allCases where !models.contains(encoder) {
            report.models[encoder.rawValue] = nil
        }
        return report
    }
}
