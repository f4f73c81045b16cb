public import Engine
public import Events
internal import Learning
internal import SequenceModels
internal import Tensors

/// What a back-test does beside ranking.
public struct BacktestOptions: Sendable {
    /// What the lists leave out: the last item of the user, or everything they had before.
    public var exclusion: Exclusion?
    /// Events that are learned together, as under load: 1...`Engine.learningBatchMax`.
    public var batch = 1
    /// Whether each int8 encoder has its float twin beside it.
    public var includesFloat = false
    /// Whether scores are measured as probabilities of a click too.
    public var classifies = false
    /// The share of the learned events at which a second engine stops learning, in 0..<1.
    public var frozenShare: Double?
    /// How many events behind further engines are.
    public var staleness: [Int] = []
    /// How often what is learned is gone over before the held-out part is scored, where it comes after: the
    /// figures are those of the epoch that was best on the validation events, or of the last without any.
    public var epochs = 1
    /// Windows a step from the second epoch on.
    public var epochBatchSize = 64
    /// Epochs without a better validation before it stops.
    public var patience = TrainingOptions.patience
    /// Seed of what is drawn: items that are no clicks, the order of windows.
    public var seed: UInt64 = 1

    public init() {}
}

/// Runs a schedule: the events that are to be learned are, each scored event is ranked by every model with
/// what was learned before it, and nothing that is scored touches any state.
///
/// Every known item is ranked, never a sample: the rank is 1 + how many are better + how many are equal and
/// stand in a lower row. A target that nobody has touched before is a miss.
public final class Backtest {
    private let history: EventHistory
    private let schedule: Schedule
    private let options: BacktestOptions
    /// The live one first.
    private let contestants: [Contestant]
    /// Where clicks are predicted.
    private let clickContestant: ClickContestant?
    private let emptyTallies: [String: ModelTally]
    private var tallies: [String: ModelTally]
    /// For each contestant but the live one, by model.
    private var comparisons: [[String: PairedComparison]]
    private var comparedCounts: [Int]
    private var generator: SeededGenerator
    private var (scored, cold, dropped) = (0, 0, 0)
    private var reportedEpoch: Int?

    private static let plotPoints = 60
    private static let plotWindowMin = 200

    public init(
        _ history: EventHistory, _ schedule: Schedule, _ configuration: EngineConfiguration, _ options: BacktestOptions
    ) throws(EngineError) {
        self.history = history
        self.schedule = schedule
        self.options = options
        var configuration = configuration
        configuration.measuresNeighbors = true
        var freshness = [Freshness.live]
        if let share = options.frozenShare { freshness.append(.frozen(at: Int(share * Double(schedule.learned.count)))) }
        freshness += options.staleness.map { .stale(by: $0) }
        var contestants: [Contestant] = []
        for freshness in freshness { contestants.append(Contestant(try Engine(configuration), freshness, options)) }
        self.contestants = contestants
        clickContestant = options.classifies ? ClickContestant(configuration, seed: options.seed) : nil
        comparisons = freshness.dropFirst().map { _ in [:] }
        comparedCounts = freshness.dropFirst().map { _ in 0 }
        generator = SeededGenerator(seed: options.seed)
        var models = configuration.measuredModels
        if options.classifies { models.append(ClickContestant.name) }
        if options.includesFloat { models += configuration.neuralMembers.map { $0.rawValue + Forecast.floatSuffix } }
        let window = max(Self.plotWindowMin, (schedule.cases.count + Self.plotPoints - 1) / Self.plotPoints)
        let tally = ModelTally(windowLength: window, classifies: options.classifies)
        emptyTallies = Dictionary(models.map { ($0, tally) }) { first, _ in first }
        tallies = emptyTallies
    }

    /// Runs it to its end.
    ///
    /// - Parameter progress: is told, now and then, the share that is done.
    public func run(progress: (Double) -> Void) throws(EngineError) {
        if options.epochs > 1, let learned = schedule.cases.last?.learned {
            return try runEpochs(learned: Int(learned), progress: progress)
        }
        let total = max(1, schedule.cases.count + contestants.count * Int(schedule.cases.last?.learned ?? 0))
        var done = 0
        func step() {
            done += 1
            if done % Self.progressInterval == 0 { progress(min(1, Double(done) / Double(total))) }
        }
        for test in schedule.cases {
            for contestant in contestants {
                try contestant.learn(through: Int(test.learned), of: schedule, history, step)
            }
            clickContestant?.learn(through: Int(test.learned), of: schedule, history, contestants[0].engine)
            try score(test)
            step()
        }
    }

    private static let progressInterval = 200

    /// Goes over what is learned several times; after each the validation events are measured, then the cases.
    private func runEpochs(learned: Int, progress: (Double) -> Void) throws(EngineError) {
        let live = contestants[0]
        let rehearsal = Rehearsal(history, learned: schedule.learned.prefix(learned), length: live.engine.windowMax - 1)
        let validation = Validation.sample(schedule.validation)
        var (best, bestTallies, bestEpoch) = (-1.0, emptyTallies, 0)
        for epoch in 1...options.epochs {
            let before = Double(epoch - 1)
            func tell(_ share: Double) { progress((before + share) / Double(options.epochs)) }
            if epoch == 1 {
                var done = 0
                try live.learn(through: learned, of: schedule, history) {
                    done += 1
                    if done % Self.progressInterval == 0 { tell(Double(done) / Double(learned)) }
                }
            } else {
                try live.rehearse(rehearsal, history, batchSize: options.epochBatchSize, using: &generator, tell)
            }
            clickContestant?.learn(through: learned, of: schedule, history, live.engine)
            let measured = try Validation(of: live, validation, history, calibratesBlend: true)
            tallies = emptyTallies
            (scored, cold, dropped) = (0, 0, 0)
            for test in schedule.cases { try score(test) }
            if validation.isEmpty || measured.score > best {
                (best, bestTallies, bestEpoch) = (measured.score, tallies, epoch)
            } else if epoch - bestEpoch >= options.patience {
                break
            }
        }
        tallies = bestTallies
        reportedEpoch = bestEpoch
    }

    private func score(_ test: Schedule.Case) throws(EngineError) {
        let place = Int(test.place)
        let item = history.item(at: place)
        let target = contestants[0].engine.row(of: item)
        if target == nil {
            cold += 1
            guard !schedule.dropsCold else {
                dropped += 1
                return
            }
        }
        scored += 1
        let negatives = target.map { drawNegatives(besides: $0) } ?? []
        let probes = negatives.isEmpty ? [] : [target].compactMap { $0 } + negatives
        let live = try contestants[0].forecast(place, of: schedule, history, probes: probes)
        for (model, list) in live.lists {
            tallies[model]?.record(rank: Self.rank(of: target, in: list), list: list, group: test.group)
        }
        for (model, scores) in live.probeScores where scores.count == probes.count {
            guard let click = scores.first else { continue }
            tallies[model]?.clicks?.record(click: click, others: Array(scores.dropFirst()))
        }
        if let clickContestant, !probes.isEmpty {
            let probabilities = clickContestant.probabilities(of: probes, at: place, history, contestants[0].engine)
            tallies[ClickContestant.name]?.clicks?.record(
                clickProbability: probabilities[0], otherProbabilities: Array(probabilities.dropFirst()))
        }
        for (index, contestant) in contestants.dropFirst().enumerated() {
            guard contestant.freshness.applies(after: Int(test.learned)) else { continue }
            let other = try contestant.forecast(place, of: schedule, history, probes: [])
            let otherTarget = contestant.engine.row(of: item)
            comparedCounts[index] += 1
            for (model, list) in live.lists {
                comparisons[index][model, default: PairedComparison()].record(
                    user: history.userNumber(at: place), rank: Self.rank(of: target, in: list),
                    otherRank: Self.rank(of: otherTarget, in: other.lists[model] ?? []))
            }
        }
    }

    private static func rank(of target: ItemIndex?, in list: [ItemIndex]) -> Int? {
        guard let target else { return nil }
        return list.firstIndex(of: target).map { $0 + 1 }
    }

    /// Known items that did not come, drawn uniformly; none where there are too few.
    private func drawNegatives(besides target: ItemIndex) -> [ItemIndex] {
        let count = contestants[0].engine.itemCount
        guard options.classifies, count > ClickMetrics.negatives else { return [] }
        var negatives: [ItemIndex] = []
        while negatives.count < ClickMetrics.negatives {
            let item = ItemIndex(generator.next(below: count))
            if item != target, !negatives.contains(item) { negatives.append(item) }
        }
        return negatives
    }
}

/// What it has shown so far.
extension Backtest {
    /// Recall@20, by model.
    public func recall(of model: String) -> Double { tallies[model]?.recall ?? 0 }

    /// - Parameter elapsed: how long it took.
    public func report(elapsed: Duration) -> EvaluationReport {
        var report = EvaluationReport()
        report.protocol = schedule.name.rawValue
        report.events = history.count
        report.scored = scored
        let targets = scored + dropped
        report.cold = targets > 0 ? Double(cold) / Double(targets) : 0
        report.seconds = elapsed / .seconds(1)
        report.isa = InstructionSet.current.rawValue
        report.epoch = reportedEpoch
        for (model, tally) in tallies { report.models[model] = tally.metrics(itemCount: contestants[0].engine.itemCount) }
        if options.includesFloat {
            report.quantization = [:]
            for (model, served) in report.models {
                guard let float = report.models[model + Forecast.floatSuffix] else { continue }
                report.quantization?[model] = .init(served: served, float: float)
            }
        }
        if contestants.count > 1 {
            report.comparisons = contestants.dropFirst().enumerated().map { index, contestant in
                EvaluationReport.Comparison(
                    against: Self.name(of: contestant.freshness, share: options.frozenShare), events: comparedCounts[index],
                    models: comparisons[index].mapValues(\.figures))
            }
        }
        return report
    }

    private static func name(of freshness: Freshness, share: Double?) -> String {
        switch freshness {
        case .live: "live"
        case .frozen: "frozen at \(Int(((share ?? 0) * 100).rounded()))%"
        case .stale(let distance): "\(distance) events behind"
        }
    }

    /// Recall@20 over the stream, as a picture.
    ///
    /// - Parameter models: those that are drawn.
    public func plot(models: [String]) -> QualityPlot {
        QualityPlot(
            title: "recall@20 over the stream, \(schedule.name.rawValue)",
            series: models.compactMap { model in tallies[model].map { (model, $0.series) } })
    }
}
