internal import Checkpoints
internal import Engine
internal import Events
internal import Learning
internal import SequenceModels
internal import Serving

/// How much of what could be learned a contestant has learned.
enum Freshness: Equatable, Sendable {
    case live
    /// Nothing beyond so many events.
    case frozen(at: Int)
    /// So many events less than there are.
    case stale(by: Int)

    func learned(of count: Int) -> Int {
        switch self {
        case .live: count
        case .frozen(let limit): min(limit, count)
        case .stale(let distance): max(0, count - distance)
        }
    }

    /// Whether it differs from a live one, and has learned as much as it is meant to.
    func applies(after count: Int) -> Bool {
        switch self {
        case .live: true
        case .frozen(let limit): count > limit
        case .stale(let distance): count >= distance
        }
    }
}

/// One engine in a back-test: it learns as many events of the schedule as its freshness says, and forecasts
/// what comes after a user's events, learned or not.
final class Contestant {
    let freshness: Freshness
    private(set) var engine: Engine
    private let options: BacktestOptions
    /// Whether a blend's weights are learned with the events.
    var preparesBlend = true
    /// Events of the schedule that are learned.
    private(set) var learned = 0
    private var unflushed = 0
    /// The place for whose user the blend's candidates are kept already.
    private var preparedPlace: Int32 = -1

    /// No topic can have this name: it is nobody's offset.
    static let source = TopicPartition(topic: "a file of events", partition: 0)

    init(_ engine: consuming Engine, _ freshness: Freshness, _ options: BacktestOptions) {
        self.engine = engine
        self.freshness = freshness
        self.options = options
    }

    /// Learns on until `count` events of the schedule are learned, or what its freshness allows of them.
    func learn(
        through count: Int, of schedule: Schedule, _ history: EventHistory, _ progress: () -> Void
    ) throws(EngineError) {
        let goal = freshness.learned(of: count)
        guard learned < goal else { return }
        while learned < goal {
            try take(schedule.learned[learned], history)
            learned += 1
            unflushed += 1
            if unflushed == options.batch { try flush() }
            progress()
        }
        // A test in between comes from whole batches only; a held-out part from everything before it.
        if schedule.name != .prequential { try flush() }
    }

    private func take(_ place: Int32, _ history: EventHistory) throws(EngineError) {
        let event = history[Int(place)]
        // The weights of a blend are learned from the candidates that stood before the event.
        if preparesBlend, preparedPlace != place {
            _ = try engine.forecast(question(Int(place), history, keepsPool: true), models: .blend)
        }
        let source = RecordSource(topicPartition: Self.source, offset: Int64(learned))
        let input = EngineInput(content: .event(event), source: source, wantsAnswer: false)
        _ = try engine.answer([input], now: event.timestamp)
    }

    private func flush() throws(EngineError) {
        unflushed = 0
        try engine.learn(replay: .configured, batch: options.batch)
    }

    /// Learns every window of a rehearsal once.
    ///
    /// - Parameter progress: is told the share that is done, once a step.
    func rehearse(
        _ rehearsal: Rehearsal, _ history: EventHistory, batchSize: Int, using generator: inout SeededGenerator,
        _ progress: (Double) -> Void
    ) throws(EngineError) {
        let windows = rehearsal.windows(using: &generator)
        for first in stride(from: 0, to: windows.count, by: batchSize) {
            let end = min(first + batchSize, windows.count)
            try engine.rehearse(windows[first..<end].map { rehearsal.events(of: $0, history) })
            progress(Double(end) / Double(windows.count))
        }
    }

    /// What every model expects of the user of `place` before the event there.
    func forecast(
        _ place: Int, of schedule: Schedule, _ history: EventHistory, probes: [ItemIndex]
    ) throws(EngineError) -> Forecast {
        let isNext = learned < schedule.learned.count && Int(schedule.learned[learned]) == place
        if isNext { preparedPlace = Int32(place) }
        var question = question(place, history, keepsPool: isNext)
        question.probes = probes
        question.includesFloat = options.includesFloat
        return try engine.forecast(question, models: .all)
    }

    /// The same with the loss of what came, and the blend calibrated by it where that is wanted.
    func validate(_ place: Int, _ history: EventHistory, calibratesBlend: Bool) throws(EngineError) -> Forecast {
        var question = question(place, history, keepsPool: calibratesBlend)
        question.target = engine.row(of: history.item(at: place))
        question.includesFloat = true
        let forecast = try engine.forecast(question, models: .all)
        if calibratesBlend { engine.calibrateBlend(for: question.user, target: history.item(at: place)) }
        return forecast
    }

    private func question(_ place: Int, _ history: EventHistory, keepsPool: Bool) -> ForecastQuestion {
        let trail = history.trail(before: place)
        var excluded: [ItemIndex] = []
        switch options.exclusion {
        case .seen: excluded = trail.compactMap { engine.row(of: history.item(at: Int($0))) }
        case .current: excluded = trail.suffix(1).compactMap { engine.row(of: history.item(at: Int($0))) }
        case .purchased, nil: break
        }
        let newest = trail.suffix(engine.windowMax + 1).map { history[Int($0)] }
        var question = ForecastQuestion(
            user: history[place].user, events: newest, sessionLength: trail.count,
            count: PrequentialQuality.rankMax, excluded: excluded, keepsPool: keepsPool)
        if let last = trail.last {
            question.mark = SessionMark(
                session: history.userNumber(at: place), newest: UInt32(last), previous: trail.dropLast().last.map(UInt32.init))
        }
        return question
    }

    /// The mean loss of each encoder over its steps since the last call.
    func takeLosses() -> [String: Double] { engine.takeLosses() }

    /// What changed since the last checkpoint; the offset in a file is not kept.
    func takeCheckpoint() -> Checkpoint {
        var checkpoint = engine.takeCheckpoint()
        checkpoint.offsets[Self.source] = nil
        return checkpoint
    }

    /// Goes on with another engine, which has learned the same events.
    func replaceEngine(_ other: consuming Engine) { engine = other }
}
