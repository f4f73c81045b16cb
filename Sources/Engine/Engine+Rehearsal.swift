public import Events
internal import Learning
internal import SequenceModels

/// Learning from history again and again, as a warm start does.
extension Engine {
    /// Windows that one step rehearses at most.
    public static let rehearsalMax = Learner.windowsMax

    /// One step of every neural model on windows of past events: nothing is counted, no session changes. The
    /// weight of a window is that of its newest event's type, as on the stream.
    ///
    /// - Parameter windows: at most ``rehearsalMax``, each the events of one user, oldest first. Of items that are
    ///   not known nothing is learned.
    public mutating func rehearse(_ windows: [[Event]]) throws(EngineError) {
        precondition(windows.count <= Self.rehearsalMax, "the windows fit a step")
        precondition(staged.isEmpty, "every staged event is learned before a rehearsal")
        for member in members {
            for events in windows {
                let weight = events.last.flatMap { configuration.eventWeights[$0.type] } ?? 1
                if weight > 0 { member.stage(window(of: events).span, weight: weight) }
            }
        }
        try step(isLast: true)
    }

    /// The mean loss of each neural model over its steps since the last call, in nats.
    public mutating func takeLosses() -> [String: Double] {
        var losses: [String: Double] = [:]
        for member in members { losses[member.name] = member.takeLoss() }
        return losses
    }
}
