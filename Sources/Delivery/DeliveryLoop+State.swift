internal import Checkpoints
internal import Events
internal import Engine
internal import Learning
internal import StateStore
internal import Streaming
public import Telemetry

/// Checkpoints and figures.
extension DeliveryLoop {
    /// - Parameter isIdle: whether this turn had no records, and none is under way.
    mutating func checkpointIfDue(isIdle: Bool) throws(DeliveryError) {
        if let outcome = store.takeOutcome() { take(outcome) }
        if figures.startCheckpointIfDue(time.elapsed(), interval: configuration.checkpointInterval) {
            try learnEverything()
            // Enough for one turn.
            return engine.beginCheckpoint()
        }
        // Some rows each turn: the stream never waits for all of them.
        let rowsMax = isIdle ? configuration.checkpointRowsIdleMax : configuration.checkpointRowsMax
        guard engine.isCapturing, var checkpoint = engine.advanceCheckpoint(rowsMax: rowsMax) else { return }
        checkpoint.beginnings = beginnings
        checkpoint.arrivals = arrivals
        store.start(checkpoint)
    }

    /// Writes a checkpoint now, with every event learned. What could not be written before is in it: the one under way may still fail.
    ///
    /// - Returns: why it was not written.
    @discardableResult
    mutating func checkpointNow() throws(DeliveryError) -> StateStoreError? {
        try checkpointNow(starting: [:])
    }

    /// - Parameter starts: where reading begins of partitions that the engine does not cover yet; the state does.
    private mutating func checkpointNow(starting starts: [TopicPartition: Int64]) throws(DeliveryError) -> StateStoreError? {
        try learnEverything()
        if let earlier = store.waitForOutcome() { take(earlier) }
        var checkpoint = engine.takeCheckpoint()
        checkpoint.offsets.merge(starts) { known, _ in known }
        checkpoint.beginnings = beginnings.merging(starts) { known, _ in known }
        checkpoint.arrivals = arrivals
        let outcome = store.finish(checkpoint)
        take(outcome)
        if outcome.error == nil { unwritten = [] }
        return outcome.error
    }

    /// Writes down where reading of partitions begins, before the first of their records is read. A state that
    /// does not say would go on, after a crash, from what the group has committed meanwhile, and never learn what was
    /// before: while it cannot be written, the partitions wait, and that is told.
    ///
    /// - Returns: whether they can be read.
    mutating func markStarts(_ starts: [TopicPartition: Int64]) throws(DeliveryError) -> Bool {
        let new = starts.filter { engine.nextOffsets[$0.key] == nil }
        guard !new.isEmpty || !unwritten.isDisjoint(with: starts.keys) else {
            waitingForDisk.subtract(starts.keys)
            return true
        }
        if let failure = try checkpointNow(starting: new) {
            markAgain = time.elapsed() + configuration.checkpointInterval
            waitingForDisk.formUnion(starts.keys)
            notice(.waitsForDisk(Array(starts.keys), failure))
            return false
        }
        waitingForDisk.subtract(starts.keys)
        for (partition, next) in new { engine.cover(partition, next: next) }
        beginnings.merge(new) { _, new in new }
        return true
    }

    private mutating func take(_ outcome: CheckpointOutcome) {
        figures.finishCheckpoint(time.elapsed(), isWritten: outcome.error == nil)
        if let error = outcome.error { notice(.checkpointFailed(error)) }
        if let failed = outcome.failed { engine.putBack(failed) }
    }

    /// Everything countable, at this instant; what is the process's own is left out.
    public func report() -> StatusReport {
        var report = figures.report(time.elapsed())
        report.encoder = engine.modelDescription.encoder
        report.modelVersion = engine.modelVersion
        report.trainingSteps = engine.modelVersion
        report.replayedSteps = engine.replayCount
        report.rollbacks = Dictionary(
            uniqueKeysWithValues: engine.rollbacks.map { model, counts in
                (model, Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, $0.value) }))
            })
        report.items = engine.itemCount
        report.users = engine.userCount
        report.partitionsWaitingForDisk = waitingForDisk.count
        report.quality = engine.quality.mapValues(RankingQuality.init)
        report.wholeQuality = engine.wholeQuality.mapValues(RankingQuality.init)
        addLag(to: &report)
        return report
    }

    private func addLag(to report: inout StatusReport) {
        let next = engine.nextOffsets
        let now = time.wall()
        var lagRecords: Int64 = 0
        var lagMilliseconds: Int64?
        for partition in assigned.sorted(by: { ($0.topic, $0.partition) < ($1.topic, $1.partition) }) {
            let position = next[partition]
            let lag = highWatermarks[partition].map { max(0, $0 - (position ?? 0)) }
            lagRecords += lag ?? 0
            if let lag, lag > 0, let newest = figures.newest[partition] {
                lagMilliseconds = max(lagMilliseconds ?? 0, now.milliseconds - newest.milliseconds)
            }
            report.partitions.append(
                PartitionStatus(
                    topic: partition.topic, partition: partition.partition, position: position,
                    committed: figures.committed[partition], lagRecords: lag))
        }
        report.consumerLagSeconds = lagRecords == 0 ? 0 : lagMilliseconds.map { Double($0) / 1000 }
    }
}

extension RankingQuality {
    init(_ quality: PrequentialQuality) {
        self.init()
        scored = UInt64(quality.scored)
        recall10 = quality.recall(at: 10)
        recall20 = quality.recall(at: 20)
        mrr20 = quality.meanReciprocalRank(at: 20)
        ndcg10 = quality.discountedGain(at: 10)
        ndcg20 = quality.discountedGain(at: 20)
    }
}
