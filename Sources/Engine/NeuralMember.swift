internal import Learning
internal import SequenceModels
internal import Serving
internal import Tensors

/// One neural model of an engine: it learns on float rows, is served from int8 rows that follow, and ranks
/// sessions by itself.
///
/// A class because an engine has several in a list; the engine that made it is its only owner.
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
        learner.addItem(item, after: session.lazy.map(\.item))
        try refreshItem(item)
    }

    // MARK: Serving

    /// Encodes a session into `slot`; only the newest events that the encoder reads count.
    func encode(_ window: [SessionEvent], limit: Int, into slot: Int) throws(EngineError) {
        let newest = window.span.extracting(last: self.window)
        do {
            try recommender.encode(newest, in: snapshot, limit: limit, into: slot)
        } catch {
            throw .diverged("\(name), encoding a session: \(error)")
        }
    }

    /// Measures lists from now on, so that the cheaper way to find them is taken.
    func measure(with stopwatch: @escaping Stopwatch) { recommender.stopwatch = stopwatch }

    /// Ranks every item for the sessions in the first `count` slots.
    func rank(_ count: Int) { recommender.rank(count, in: snapshot) }

    /// Ranks every item but some for the session in the first slot.
    func rank(excluding excluded: ItemSet) {
        let biases = snapshot.hide(excluded)
        recommender.rankExactly(1, in: snapshot)
        snapshot.show(excluded, biases: biases)
    }

    /// The best candidates of a slot, in falling score order.
    func candidates(ofSlot slot: Int) -> TopK { recommender.candidates[slot] }

    /// The same as a list of items with their scores.
    func order(ofSlot slot: Int) -> [(item: ItemIndex, score: Float)] {
        let candidates = recommender.candidates[slot]
        return (0..<candidates.count).map { (ItemIndex(candidates.index(at: $0)), candidates.score(at: $0)) }
    }

    func score(_ item: ItemIndex, slot: Int) -> Float { recommender.score(item, slot, in: snapshot) }

    // MARK: Learning

    /// Adds a window to the coming step.
    @discardableResult
    func stage(_ window: Span<SessionEvent>, weight: Float) -> Bool { learner.stage(window, weight: weight) }

    /// The first half of a step on what was staged: changes nothing, but says which rows will.
    ///
    /// - Returns: false where nothing was staged.
    func computeGradients() -> Bool {
        guard let loss = learner.computeGradients() else { return false }
        lossSum += Double(loss)
        lossCount += 1
        return true
    }

    /// The mean loss of the steps since the last call, in nats; nil where there was none.
    func takeLoss() -> Double? {
        guard lossCount > 0 else { return nil }
        defer { (lossSum, lossCount) = (0, 0) }
        return lossSum / Double(lossCount)
    }

    /// The other half; the served rows and the served encoder follow.
    func applyGradients() throws(EngineError) {
        learner.applyGradients()
        for place in 0..<learner.touchedCount { try refreshItem(learner.touchedItem(at: place)) }
        try refreshEncoder()
    }

    /// The parameters have proved good.
    func markGood() { learner.markGood() }

    /// Goes back to where the parameters last proved good; what is served follows.
    ///
    /// - Parameter touched: called with each row before it changes.
    func rollBack(touched: (ItemIndex) -> Void) throws(EngineError) {
        for item in learner.changedSinceGood { touched(item) }
        for item in learner.rollBack() { try refreshItem(item) }
        try refreshEncoder()
    }

    func refreshItem(_ item: ItemIndex) throws(EngineError) {
        do {
            try snapshot.refreshItem(item, from: learner.table)
        } catch {
            throw .diverged("\(name), item row \(item): \(error)")
        }
    }

    func refreshEncoder() throws(EngineError) {
        do {
            try snapshot.refreshEncoder()
        } catch {
            throw .diverged("\(name), encoder: \(error)")
        }
    }
}
