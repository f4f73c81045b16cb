public import Checkpoints
public import Engine
internal import Events
internal import Learning
internal import SequenceModels

/// How a warm start goes over a history.
public struct TrainingOptions: Sendable {
    /// Windows a step, 1...`Engine.rehearsalMax`.
    public var batchSize = 64
    /// The newest share of the events, held out until the last epoch is over; in 0..<1.
    public var validationShare = 0.1
    /// Seed of the order of windows.
    public var seed: UInt64 = 1
    /// Epochs without a better validation before going over a history stops. Five thousand events tell NDCG@20 to .004,
    /// ten times what an epoch gains after the first few: with fewer it stops where chance favoured one.
    public static let patience = 10

    public init() {}
}

/// A warm start: an engine that goes over a history several times.
///
/// The first epoch is the stream as it was: catalogue, sessions and counts come from it, and every event is
/// learned as a daemon learns it. Each further epoch rehearses windows of the sessions in an order that is
/// drawn anew. What is held out is learned last, once and in its order, so that the engine knows everything
/// that the history holds, the newest of it best.
public final class Trainer {
    private let history: EventHistory
    private let options: TrainingOptions
    private let schedule: Schedule
    private let contestant: Contestant
    private let trainCount: Int
    private let rehearsal: Rehearsal
    private let validationPlaces: [Int32]
    private var generator: SeededGenerator
    /// Epochs that are over.
    public private(set) var epoch = 0

    public init(_ history: EventHistory, _ options: TrainingOptions, engine: consuming Engine) {
        self.history = history
        self.options = options
        trainCount = history.count - Int(Double(history.count) * options.validationShare)
        let heldOut = Schedule.temporal(history, trainCount: trainCount)
        schedule = Schedule(
            name: .temporal, learned: Array(0..<Int32(history.count)), cases: heldOut.cases, dropsCold: false)
        validationPlaces = Validation.sample(heldOut.cases.map(\.place))
        rehearsal = Rehearsal(history, learned: schedule.learned.prefix(trainCount), length: engine.windowMax - 1)
        var backtest = BacktestOptions()
        backtest.batch = engine.learningBatch
        contestant = Contestant(engine, .live, backtest)
        // The weights are learned from what is held out: encoders that have seen an event many times look
        // better on it than they are.
        contestant.preparesBlend = options.validationShare == 0
        generator = SeededGenerator(seed: options.seed)
    }

    public var isValidating: Bool { !validationPlaces.isEmpty }
    public var itemCount: Int { contestant.engine.itemCount }
    public var userCount: Int { contestant.engine.userCount }
    public var modelVersion: UInt64 { contestant.engine.modelVersion }

    /// Goes over the history once more, but for what is held out.
    ///
    /// - Parameter progress: is told, now and then, the share that is done and the encoders' losses since the
    ///   last time, in nats.
    /// - Returns: the mean loss of each encoder's steps.
    public func runEpoch(progress: (Double, [String: Double]) -> Void) throws(EngineError) -> [String: Double] {
        epoch += 1
        var sums: [String: (sum: Double, count: Int)] = [:]
        func tell(_ share: Double) {
            let losses = contestant.takeLosses()
            progress(share, losses)
            for (model, loss) in losses {
                sums[model, default: (0, 0)].sum += loss
                sums[model, default: (0, 0)].count += 1
            }
        }
        var steps = 0
        if epoch == 1 {
            try contestant.learn(through: trainCount, of: schedule, history) {
                steps += 1
                if steps % Self.eventsBetweenReports == 0 { tell(Double(steps) / Double(trainCount)) }
            }
        } else {
            try contestant.rehearse(rehearsal, history, batchSize: options.batchSize, using: &generator) { share in
                steps += 1
                if steps % Self.stepsBetweenReports == 0 { tell(share) }
            }
        }
        tell(1)
        return sums.mapValues { $0.sum / Double($0.count) }
    }

    private static let eventsBetweenReports = 800
    private static let stepsBetweenReports = 50

    /// Measures the engine on what is held out; nothing is learned.
    public func validate() throws(EngineError) -> Validation {
        try Validation(of: contestant, validationPlaces, history, calibratesBlend: false)
    }

    /// Learns what was held out, as a daemon would have.
    public func learnHeldOut(progress: (Double) -> Void) throws(EngineError) {
        contestant.preparesBlend = true
        let total = max(1, history.count - trainCount)
        var done = 0
        try contestant.learn(through: history.count, of: schedule, history) {
            done += 1
            if done % Self.eventsBetweenReports == 0 { progress(Double(done) / Double(total)) }
        }
    }

    /// What changed since the last checkpoint.
    public func takeCheckpoint() -> Checkpoint { contestant.takeCheckpoint() }

    /// Goes on from an engine of an earlier epoch.
    public func replaceEngine(_ engine: consuming Engine) { contestant.replaceEngine(engine) }
}
