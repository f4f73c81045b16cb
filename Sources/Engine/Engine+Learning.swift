internal import Learning
internal import SequenceModels
internal import Serving
internal import Tensors

/// How much of the past a call of `learn` revisits.
public enum Replay: Sendable {
    /// As many windows for each new event as configured.
    case configured
    /// None: the stream is behind, and new events come first.
    case none
}

extension Engine {
    /// Events that one step learns at most.
    public static let learningBatchMax = 32

    /// Events that one step learns where there is time: so many that what is replayed beside them has room.
    public var learningBatch: Int { max(1, min(16, Learner.windowsMax / (1 + configuration.learner.replayRatio))) }

    /// Positions of a window that are learned while the stream is behind: those before them were learned when they were
    /// new. It takes half the time, and beside no replay learns sessions better than whole windows, which weigh what
    /// came early most. Streams of long histories, where whole windows stand in for replay, have that where there is time.
    static let pressedPositions = 2

    /// Events that came and are not learned yet.
    public var unlearnedCount: Int { staged.count }

    /// Learns from every event that was staged: see ``learnStep(replay:batch:)``. No list is made in between, so the
    /// served encoders follow once, at the end.
    public mutating func learn(replay: Replay, batch: Int) throws(EngineError) {
        while unlearnedCount > 0 { try learnStep(replay: replay, batch: batch, isLast: unlearnedCount <= batch) }
    }

    /// Learns from the oldest events that were staged, `batch` of them at most in one step, with windows of kept
    /// sessions beside them; what is served follows at once.
    ///
    /// One event a step learns most from each; together they cost a third. What is learned depends on
    /// how they were put together.
    ///
    /// - Parameter batch: 1...``learningBatchMax``.
    public mutating func learnStep(replay: Replay, batch: Int) throws(EngineError) {
        try learnStep(replay: replay, batch: batch, isLast: true)
    }

    private mutating func learnStep(replay: Replay, batch: Int, isLast: Bool) throws(EngineError) {
        precondition((1...Self.learningBatchMax).contains(batch), "a step learns from one to thirty-two events")
        let count = min(batch, staged.count)
        guard count > 0 else { return }
        stage(first: count, replay: replay)
        staged.removeFirst(count)
        try step(isLast: isLast)
    }

    /// Hands the oldest staged windows to every member, and old ones of its own choice beside them.
    private func stage(first count: Int, replay: Replay) {
        let members = members
        workers.forEach(members.count) { place in
            let member = members[place]
            let eventsMax = replay == .none ? Self.pressedPositions + 1 : .max
            staged.forEach(first: count) { member.stage($0.extracting(last: eventsMax), weight: $1) }
            if replay == .configured { stageReplay(member, count: configuration.learner.replayRatio * count) }
        }
    }

    /// One step of every member on what it staged, side by side. Rows that a checkpoint waits for are copied before
    /// they change.
    ///
    /// - Parameter isLast: whether lists may be made before the next step.
    mutating func step(isLast: Bool) throws(EngineError) {
        let members = members
        workers.forEach(members.count) { members[$0].beginStep() }
        workers.forEach(members.count * Learner.sharesMax) { part in
            members[part / Learner.sharesMax].computeGradients(share: part % Learner.sharesMax)
        }
        workers.forEach(members.count) { members[$0].combineGradients() }
        for member in members where member.hasGradients {
            for item in member.learner.touchedItems {
                preserve(item: item)
                changes.touchItem(item)
            }
        }
        workers.forEach(members.count) { members[$0].applyGradients(isLast: isLast) }
        for member in members where member.failure != nil || !member.learner.isFinite {
            try rollBack(member, .notFinite)
        }
    }

    /// Draws sessions at random, and from each a window that ends at random.
    private func stageReplay(_ member: NeuralMember, count: Int) {
        // Kept sessions know no values: there is nothing in them to learn again.
        guard sessions.rowCount > 0, !configuration.learner.loss.learnsValues else { return }
        for _ in 0..<count {
            let row = member.learner.random(below: sessions.rowCount)
            let entries = sessions[row].entries
            guard entries.count >= 2 else { continue }
            let end = 2 + member.learner.random(below: entries.count - 1)
            let start = max(0, end - member.window - 1)
            read(entries[start..<end], into: &member.replayed)
            if member.stage(member.replayed.span, weight: 1) { member.replayedWindows += 1 }
        }
    }
}
