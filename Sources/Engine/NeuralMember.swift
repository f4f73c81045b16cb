internal import Learning
internal import SequenceModels
internal import Serving
internal import Tensors

/// Sessions whose lists are wanted, each in a slot of its own. Their memory is used again and again.
struct SessionQueries {
    private(set) var windows = WindowList()
    /// Candidates wanted of each.
    private(set) var limits: [Int] = []
    /// Whose each is, where it may go on from what is kept of an earlier one.
    private(set) var marks: [SessionMark?] = []

    var count: Int { limits.count }

    /// - Parameters:
    ///   - window: oldest event first.
    ///   - mark: nil where nothing is to be kept of the session.
    mutating func append(_ window: Span<SessionEvent>, limit: Int, mark: SessionMark?) {
        windows.append(window, weight: 1)
        limits.append(limit)
        marks.append(mark)
    }

    mutating func removeAll() {
        windows.removeAll()
        limits.removeAll(keepingCapacity: true)
        marks.removeAll(keepingCapacity: true)
    }

    /// The events of a slot, oldest first.
    func events(_ slot: Int) -> ArraySlice<SessionEvent> { windows.events[windows.range(slot)] }
}

extension SessionQueries {
    /// One session.
    init(_ window: [SessionEvent], limit: Int, mark: SessionMark? = nil) {
        append(window.span, limit: limit, mark: mark)
    }
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
    /// Each with every so many-th session.
    private let shares: [RankingShare]
    private var choice: RankingChoice
    private var isTimed = false
    /// How the lists under way are made.
    private var way = RankingChoice.Way.exact
    /// How each of their sessions is encoded.
    private var steps: [KeptStep?] = []
    /// Made when it is first asked: only a back-test needs it.
    private(set) lazy var floatTwin = FloatTwin(of: self, candidatesMax: ListRules.countMax)
    /// Losses of the steps since somebody asked.
    private var (lossSum, lossCount) = (0.0, 0)
    /// Windows that were learned again, and the one that comes next.
    var replayedWindows: UInt64 = 0
    var replayed: [SessionEvent] = []
    /// What stopped the last ranking or the last half of a step: members work side by side, and the engine settles
    /// afterwards what went wrong.
    private(set) var failure: EngineError?
    /// Whether the encoder has moved on from its served twin.
    private var encoderIsBehind = false
    /// Whether the step under way has something to apply.
    private(set) var hasGradients = false

    var name: String { kind.rawValue }

    /// - Parameters:
    ///   - shares: threads that rank side by side at most.
    ///   - keepsKeysAndValues: of sessions that come with a mark.
    init(
        _ configuration: LearnerConfiguration, index: IndexMode, candidatesMax: Int, shares: Int, keepsKeysAndValues: Bool
    ) throws(EngineError) {
        kind = configuration.encoder
        learner = Learner(configuration)
        snapshot = Snapshot(capacity: configuration.itemsMax, serving: learner.encoder, index: index, shares: shares)
        snapshot.temperature = configuration.temperature
        if keepsKeysAndValues { snapshot.keepKeysAndValues(of: learner.encoder, lengthMax: configuration.window) }
        choice = RankingChoice(mode: index)
        self.shares = (0..<shares).map {
            RankingShare(Recommender(dimensions: configuration.dimensions, candidatesMax: candidatesMax, share: $0))
        }
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
    func rank(_ queries: SessionQueries) {
        beginRanking(queries)
        for share in shares.indices { rank(queries, share: share) }
        endRanking()
    }

    /// Shares that the sessions are divided into.
    var shareCount: Int { shares.count }

    /// Settles how some sessions are ranked; then comes every share, side by side or not, then `endRanking`.
    func beginRanking(_ queries: SessionQueries) {
        failure = nil
        way = snapshot.hasCompleteIndex ? choice.next(isTimed: isTimed, count: queries.count) : .exact
        plan(queries)
    }

    private func plan(_ queries: SessionQueries) {
        steps.removeAll(keepingCapacity: true)
        snapshot.beginRound()
        for slot in 0..<queries.count {
            let length = min(queries.windows.range(slot).count, window)
            steps.append(snapshot.plan(queries.marks[slot], length: length, version: learner.version))
        }
    }

    /// Ranks one share of the sessions.
    func rank(_ queries: SessionQueries, share: Int) {
        let own = shares[share]
        own.failure = nil
        let slots = stride(from: share, to: queries.count, by: shares.count)
        do throws(TensorError) {
            var count = 0
            for slot in slots {
                try encode(queries, slot)
                count += 1
            }
            if count > 0 { own.recommender.rank(count, in: snapshot, way, reach: choice.reach) }
        } catch {
            own.failure = .diverged("\(name), encoding a session: \(error)")
        }
    }

    /// See ``failure``.
    func endRanking() {
        failure = shares.lazy.compactMap(\.failure).first
        guard way == .both else { return }
        var comparison = RankingComparison()
        for share in shares { comparison.add(share.recommender.comparison) }
        choice.take(comparison)
    }

    private func encode(_ queries: SessionQueries, _ slot: Int) throws(TensorError) {
        let newest = queries.windows.events.span.extracting(queries.windows.range(slot)).extracting(last: window)
        try shares[slot % shares.count].recommender.encode(
            newest, steps[slot], in: snapshot, limit: queries.limits[slot], into: slot / shares.count)
    }

    /// Measures lists from now on, so that the cheaper way to find them is taken.
    func measure(with stopwatch: @escaping Stopwatch) {
        isTimed = true
        for share in shares { share.recommender.stopwatch = stopwatch }
    }

    /// Ranks every item but some for one session, in the first slot. See ``failure``.
    func rank(_ query: SessionQueries, excluding excluded: ItemSet) {
        failure = nil
        plan(query)
        do throws(TensorError) {
            try encode(query, 0)
            let biases = snapshot.hide(excluded)
            shares[0].recommender.rank(1, in: snapshot)
            snapshot.show(excluded, biases: biases)
        } catch {
            failure = .diverged("\(name), encoding a session: \(error)")
        }
    }

    /// The best candidates of a slot, in falling score order.
    func candidates(ofSlot slot: Int) -> TopK {
        shares[slot % shares.count].recommender.candidates[slot / shares.count]
    }

    /// The same as a list of items with their scores.
    func order(ofSlot slot: Int, into order: inout [(item: ItemIndex, score: Float)]) {
        let candidates = candidates(ofSlot: slot)
        order.removeAll(keepingCapacity: true)
        for place in 0..<candidates.count {
            order.append((ItemIndex(candidates.index(at: place)), candidates.score(at: place)))
        }
    }

    /// The scores of some items for the session in `slot`.
    func scores(of items: [ItemIndex], slot: Int, into scores: inout [Float]) {
        scores.removeAll(keepingCapacity: true)
        scores.append(contentsOf: repeatElement(0, count: items.count))
        var target = scores.mutableSpan
        shares[slot % shares.count].recommender.scores(
            of: items.span, slot / shares.count, in: snapshot, into: &target)
    }

    /// The scores of a pool for the session in `slot`: those that the ranking found are known.
    ///
    /// - Parameter desk: where the pool is filled; has the scores afterwards.
    func scores(ofPool pool: [ItemIndex], slot: Int, _ desk: ListDesk) {
        desk.neuralScores.removeAll(keepingCapacity: true)
        desk.neuralScores.append(contentsOf: repeatElement(.nan, count: pool.count))
        let candidates = candidates(ofSlot: slot)
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

    /// Begins a step on what was staged.
    func beginStep() { hasGradients = learner.beginStep() }

    /// A share of the step's work, 0..<`Learner.sharesMax`; shares may be done side by side. Changes nothing.
    func computeGradients(share: Int) {
        if hasGradients { learner.computeGradients(share: share) }
    }

    /// Ends the half of a step that changes nothing, but says which rows will. See ``hasGradients``.
    func combineGradients() {
        guard hasGradients else { return }
        lossSum += Double(learner.combineGradients())
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
        snapshot.forgetSessions()
        try refreshEncoder()
    }

    /// A session is gone, or somebody else's from now on.
    func forget(session: Int) { snapshot.forget(session: session) }

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

/// A recommender with its share of the sessions: a class because a model has several that work side by side.
private final class RankingShare {
    var recommender: Recommender
    /// What stopped its last ranking.
    var failure: EngineError?

    init(_ recommender: consuming Recommender) { self.recommender = recommender }
}
