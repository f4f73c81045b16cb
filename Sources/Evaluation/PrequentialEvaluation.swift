public import Engine
public import Events
internal import Learning
internal import SequenceModels
internal import Tensors

/// Back-test by test-then-train, as the daemon works: for each event the lists are made before it
/// touches anything, scored by it, and then it is learned.
///
/// Every known item is ranked, never a sample; a target that nobody has touched before is a miss. An
/// event that is its user's first has no list and is not scored.
public struct PrequentialEvaluation: ~Copyable {
    private var engine: Engine
    private let exclusions: Set<Exclusion>
    private let batch: Int
    private var events = 0
    private var cold = 0
    private var quality: [String: PrequentialQuality] = [:]
    /// For each model, which item rows stood in a list.
    private var listed: [String: [Bool]] = [:]

    private static let listLength = PrequentialQuality.rankMax
    private static let source = TopicPartition(topic: "evaluation", partition: 0)

    /// - Parameter batch: events that are learned together, as under load: the lists between are made by
    ///   a model that has not seen them.
    public init(_ configuration: EngineConfiguration, exclusions: Set<Exclusion>, batch: Int) throws(EngineError) {
        var configuration = configuration
        configuration.measuresNeighbors = true
        engine = try Engine(configuration)
        self.batch = batch
        self.exclusions = exclusions
        for model in configuration.measuredModels {
            quality[model] = PrequentialQuality(window: nil)
            listed[model] = []
        }
    }

    /// Scores the lists that stood before `event`, then learns from it.
    public mutating func add(_ event: Event) throws(EngineError) {
        let target = engine.row(of: event.item)
        if let lists = try engine.candidateLists(
            for: event.user, count: Self.listLength, exclusions: exclusions)
        {
            if target == nil { cold += 1 }
            for (model, rank) in lists.ranks(of: target) { quality[model]?.record(rank: rank) }
            for (model, list) in lists.byModel { mark(list, model) }
        }
        let source = RecordSource(topicPartition: Self.source, offset: Int64(events))
        let input = EngineInput(content: .event(event), source: source, wantsAnswer: false)
        _ = try engine.answer([input], now: event.timestamp)
        events += 1
        if events % batch == 0 { try engine.learn(replay: .configured, batch: batch) }
    }

    /// The figures so far.
    ///
    /// - Parameter elapsed: how long it took.
    public func report(elapsed: Duration) -> EvaluationReport {
        var report = EvaluationReport()
        report.events = events
        report.scored = quality[engine.servedModel]?.scored ?? 0
        report.cold = report.scored > 0 ? Double(cold) / Double(report.scored) : 0
        report.seconds = elapsed / .seconds(1)
        report.isa = InstructionSet.current.rawValue
        for (model, quality) in quality {
            report.models[model] = EvaluationReport.Metrics(
                hr10: quality.recall(at: 10), hr20: quality.recall(at: 20),
                mrr20: quality.meanReciprocalRank(at: 20), ndcg10: quality.discountedGain(at: 10),
                ndcg20: quality.discountedGain(at: 20), coverage20: coverage(model))
        }
        return report
    }

    public var servedModel: String { engine.servedModel }

    /// Recall@20 so far, by model, for a progress display.
    public func recall(of model: String) -> Double { quality[model]?.recall(at: 20) ?? 0 }

    private mutating func mark(_ list: [ItemIndex], _ model: String) {
        let count = engine.itemCount
        for item in list {
            if let known = listed[model]?.count, known <= Int(item) {
                listed[model]?.append(contentsOf: repeatElement(false, count: max(count, Int(item) + 1) - known))
            }
            listed[model]?[Int(item)] = true
        }
    }

    private func coverage(_ model: String) -> Double {
        guard engine.itemCount > 0, let marks = listed[model] else { return 0 }
        return Double(marks.count { $0 }) / Double(engine.itemCount)
    }
}
