internal import Engine

/// When the engine learns: after the lists are on their way, a step at a time, so that what comes meanwhile is
/// answered first.
extension DeliveryLoop {
    /// One step on events that were answered; more where the stream brings more than steps can take.
    ///
    /// - Parameter isBehind: whether more records are known to be waiting.
    mutating func learnSome(isBehind: Bool) throws(DeliveryError) {
        if isBehind || engine.unlearnedCount > configuration.unlearnedMax { return try learnEverything() }
        guard engine.unlearnedCount > 0 else { return }
        // New events come before old ones: replay waits for a stream that leaves time for it.
        let isPressed = engine.unlearnedCount > configuration.unlearnedMax / 4
        let replay: Replay = isPressed ? .none : .configured
        try timeLearning { engine throws(EngineError) in
            try engine.learnStep(replay: replay, batch: engine.learningBatch)
        }
    }

    /// Learns every event that was answered, as a checkpoint needs it: in this life or in none.
    mutating func learnEverything() throws(DeliveryError) {
        let replay: Replay = configuration.isReproducible ? .configured : .none
        let batch = configuration.isReproducible ? 1 : Engine.learningBatchMax
        guard engine.unlearnedCount > 0 else { return }
        try timeLearning { engine throws(EngineError) in try engine.learn(replay: replay, batch: batch) }
    }

    private mutating func timeLearning(_ body: (inout Engine) throws(EngineError) -> Void) throws(DeliveryError) {
        let began = time.elapsed()
        let waiting = engine.unlearnedCount
        try engineCall(body)
        figures.recordTraining(waiting - engine.unlearnedCount, took: time.elapsed() - began)
        for rollback in engine.takeRollbacks() { notice(.rolledBack(rollback)) }
    }
}
