internal import Learning
internal import SequenceModels
internal import Serving
internal import Tensors

/// A session whose list is wanted.
struct SessionQuery {
    /// Oldest event first.
    var window: [SessionEvent]
    /// Candidates wanted.
    var limit: Int
}

/// One neural model of an engine: it learns on float rows, is served from int8 rows that follow, and ranks
/// sessions by itself.
///
/// A class because an engine has several in a list; the engine that made it is its only owner, and lets
/// several work side by side: none reads or writes what is another's.
final class NeuralMember {
    let kind: EncoderKind
    var learner: Learner
    var snapshot: Snapshot
    private var recommender: Recommender
    /// Made when it is first asked: only a back-test needs it.
    private(set) lazy var floatTwin = FloatTwin(of: self, candidatesMax: ListRules.countMax)
    /// Losses of the steps since somebody asked.
    private var (lossSum, lossCount) = (0.0, 0)
    /// Windows that were learned again.
    var replayedWindows: UInt64 = 0
    /// What stopped the last ranking or the last half of a step: members work side by side, and the engine settles
    /// afterwards what went wrong.
    private(set) var failure: EngineError?
    /// Whether the encoder has moved on from its served twin.
    private var encoderIsBehind = false
    /// Whether the step under way has something to apply.
    private(set) var hasGradients = false

    var name: String { kind.rawValue }

    init(_ configuration: LearnerConfiguration, index: IndexMode, candidatesMax: Int) throws(EngineError) {
        kind = configuration.encoder
        learner = Learner(configuration)
        snapshot = Snapshot(capacity: configuration.itemsMax, serving: learner.encoder, index: index)
        snapshot.temperature = configuration.temperature
        recommender = Recommender(dimensions: configuration.dimensions, candidatesMax: candidatesMax, index: index)
        try refreshEncoder()
    }

    /// Events of a session that are read.
    var window: Int { learner.configuration.window }

    /// Takes a row into use for an item that came for the first time; it can be served at once.
    ///
    /// - Parameter session: the items before it.
    func addItem(_ item: ItemIndex, after session: [SessionEvent]) throws(EngineError) {
        learner.addItem(item, after: session.suffix(Learner.companionsMax).map(\.item))
        try refreshItem(item)
    }

    // MARK: Serving

    /// Ranks every item for some sessions, each in a slot of its own; only the newest events that the encoder
    /// reads count. See ``failure``.
    func rank(_ queries: [SessionQuery]) {
        failure = nil
        do throws(TensorError) {
            for (slot, query) in queries.enumerated() { try encode(query, into: slot) }
            recommender.rank(queries.count, in: snapshot)
        } catch {
            failure = .diverged("\(name), encoding a session: \(error)")
        }
    }

    private func encode(_ query: SessionQuery, into slot: Int) throws(TensorError) {
        let newest = query.window.span.extracting(last: self.window)
        try recommender.encode(newest, nil, in: snapshot, limit: query.limit, into: slot)
    }

    /// Measures lists from now on, so that the cheaper way to find them is taken.
    func measure(with stopwatch: @escaping Stopwatch) { recommender.stopwatch = stopwatch }

    /// Ranks every item but some for one session, in the first slot. See ``failure``.
    func rank(_ query: SessionQuery, excluding excluded: ItemSet) {
        failure = nil
        do throws(TensorError) {
            try encode(query, into: 0)
            let biases = snapshot.hide(excluded)
            recommender.rankExactly(1, in: snapshot)
            snapshot.show(excluded, biases: biases)
        } catch {
            failure = .diverged("\(name), encoding a session: \(error)")
        }
    }

    /// The best candidates of a slot, in falling score order.
    func candidates(ofSlot slot: Int) -> TopK { recommender.candidates[slot] }

    /// The same as a list of items with their scores.
    func order(ofSlot slot: Int) -> [(item: ItemIndex, score: Float)] {
        let candidates = recommender.candidates[slot]
        return (0..<candidates.count).map { (ItemIndex(candidates.index(at: $0)), candidates.score(at: $0)) }
    }

    /// The scores of some items for the session in `slot`.
    func scores(of items: [ItemIndex], slot: Int, into scores: inout [Float]) {
        scores.removeAll(keepingCapacity: true)
        scores.append(contentsOf: repeatElement(0, count: items.count))
        var target = scores.mutableSpan
        recommender.scores(of: items.span, slot, in: snapshot, into: &target)
    }

    /// The scores of a pool for the session in `slot`: those that the ranking found are known.
    ///
    /// - Parameter desk: where the pool is filled; has the scores afterwards.
    func scores(ofPool pool: [ItemIndex], slot: Int, _ desk: ListDesk) {
        desk.neuralScores.removeAll(keepingCapacity: true)
        desk.neuralScores.append(contentsOf: repeatElement(.nan, count: pool.count))
        let candidates = recommender.candidates[slot]
        for candidate in 0..<candidates.count {
            guard let place = desk.places.place(of: candidates.index(at: candidate)) else { continue }
            desk.neuralScores[place] = candidates.score(at: candidate)
        }
        desk.unscored.removeAll(keepingCapacity: true)
        for (place, score) in desk.neuralScores.enumerated() where score.isNaN { desk.unscored.append(pool[place]) }
        scores(of: desk.unscored, slot: slot, into: &desk.laterScores)
        var next = 0
        for place in desk.neuralScores.indices where desk.neuralScores[place].isNaN {
            desk.neuralScores[place] = desk.laterScores[next]
            next += 1
        }
    }

    // MARK: Learning

    /// Adds a window to the coming step.
    @discardableResult
    func stage(_ window: Span<SessionEvent>, weight: Float) -> Bool { learner.stage(window, weight: weight) }

    /// The first half of a step on what was staged: changes nothing, but says which rows will. See
    /// ``hasGradients``.
    func computeGradients() {
        hasGradients = false
        guard let loss = learner.computeGradients() else { return }
        hasGradients = true
        lossSum += Double(loss)
        lossCount += 1
    }

    /// The mean loss of the steps since the last call, in nats; nil where there was none.
    func takeLoss() -> Double? {
        guard lossCount > 0 else { return nil }
        defer { (lossSum, lossCount) = (0, 0) }
        return lossSum / Double(lossCount)
    }

    /// The other half; the served rows follow, and the served encoder where `isLast`: of a few steps in a row only
    /// what the last one leaves is served. See ``failure``.
    func applyGradients(isLast: Bool) {
        failure = nil
        do throws(EngineError) {
            if hasGradients {
                hasGradients = false
                learner.applyGradients()
                encoderIsBehind = true
                try refreshItems(learner.touchedItems)
            }
            if isLast, encoderIsBehind { try refreshEncoder() }
        } catch {
            failure = error
        }
    }

    /// The parameters have proved good.
    func markGood() { learner.markGood() }

    /// Goes back to where the parameters last proved good; what is served follows.
    ///
    /// - Parameter touched: called with each row before it changes.
    func rollBack(touched: (ItemIndex) -> Void) throws(EngineError) {
        for item in learner.changedSinceGood { touched(item) }
        try refreshItems(learner.rollBack())
        try refreshEncoder()
    }

    func refreshItem(_ item: ItemIndex) throws(EngineError) { try refreshItems([item]) }

    private func refreshItems(_ items: [ItemIndex]) throws(EngineError) {
        do {
            try snapshot.refreshItems(items, from: learner.table)
        } catch {
            throw .diverged("\(name), item rows: \(error)")
        }
    }

    func refreshEncoder() throws(EngineError) {
        encoderIsBehind = false
        do {
            try snapshot.refreshEncoder()
        } catch {
            throw .diverged("\(name), encoder: \(error)")
        }
    }
}
