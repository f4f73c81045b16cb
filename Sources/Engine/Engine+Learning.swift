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
    /// Learns from every event that was staged, one step an event, each with windows of kept sessions
    /// beside it; the served rows follow at once.
    public mutating func learn(replay: Replay) throws(EngineError) {
        for window in staged.windows {
            learner.stage(window.items.span, weight: window.weight)
            if replay == .configured { stageReplay(count: configuration.learner.replayRatio) }
            learner.step()
            try serveWhatChanged()
        }
        staged.removeAll()
    }

    /// Spends spare time on the past: one step of replayed windows only.
    ///
    /// - Returns: false where there is nothing to revisit yet.
    @discardableResult
    public mutating func replay(windows: Int) throws(EngineError) -> Bool {
        stageReplay(count: windows)
        guard learner.step() != nil else { return false }
        try serveWhatChanged()
        return true
    }

    /// Draws sessions at random, and from each a window that ends at random.
    private mutating func stageReplay(count: Int) {
        guard sessions.rowCount > 0 else { return }
        for _ in 0..<count {
            let row = learner.random(below: sessions.rowCount)
            let entries = sessions[row].entries
            guard entries.count >= 2 else { continue }
            let end = 2 + learner.random(below: entries.count - 1)
            let start = max(0, end - configuration.learner.window - 1)
            let items = entries[start..<end].compactMap { entry in
                catalog.holds(entry.item, since: entry.sequence) ? entry.item : nil
            }
            if learner.stage(items.span, weight: 1) { replayedWindows += 1 }
        }
    }

    private mutating func serveWhatChanged() throws(EngineError) {
        for place in 0..<learner.touchedCount {
            let item = learner.touchedItem(at: place)
            changes.touchItem(item)
            try refreshItem(item)
        }
        try refreshEncoder()
    }

    mutating func refreshItem(_ item: ItemIndex) throws(EngineError) {
        do {
            try snapshot.refreshItem(item, from: learner.table)
        } catch {
            throw .diverged("item \(catalog.id(of: item)): \(error)")
        }
    }

    mutating func refreshEncoder() throws(EngineError) {
        do {
            try snapshot.refreshEncoder(from: learner.parameters)
        } catch {
            throw .diverged("encoder: \(error)")
        }
    }
}
