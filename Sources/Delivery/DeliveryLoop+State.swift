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
        complete(&checkpoint, starting: [:])
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
        complete(&checkpoint, starting: starts)
        let outcome = store.finish(checkpoint)
        take(outcome)
        if outcome.error == nil { partitions.markWritten() }
        return outcome.error
    }

    /// Adds what the engine does not know: where reading began, and how to recognize the partitions.
    private func complete(_ checkpoint: inout Checkpoint, starting starts: [TopicPartition: Int64]) {
        let first = partitions.firstOffsets
        checkpoint.beginnings = first.alone.merging(starts) { known, _ in known }
        checkpoint.arrivals = first.withSessions
        var marks = marks
        for (partition, reading) in partitions.readingPartitions { marks[partition] = reading.newest }
        checkpoint.blobs[PartitionMarks.name] = PartitionMarks.encode(marks.filter { checkpoint.offsets[$0.key] != nil })
    }

    /// Writes down where reading of partitions begins, before the first of their records is read. A state that
    /// does not say would go on, after a crash, from what the group has committed meanwhile, and never learn what was
    /// before: while it cannot be written, the partitions wait, and that is told.
    ///
    /// - Returns: whether they can be read.
    mutating func markStarts(_ starts: [TopicPartition: Int64]) throws(DeliveryError) -> Bool {
        let new = starts.filter { engine.nextOffsets[$0.key] == nil }
        guard !new.isEmpty || starts.keys.contains(where: { partitions[$0]?.isUnwritten ?? false }) else { return true }
        let failure = try checkpointNow(starting: new)
        for partition in starts.keys { partitions.updateAwaiting(partition) { $0.waitsForDisk = failure != nil } }
        if let failure {
            startRetryAt = time.elapsed() + configuration.checkpointInterval
            notice(.waitsForDisk(Array(starts.keys), failure))
            return false
        }
        for (partition, next) in new {
            engine.cover(partition, next: next)
            partitions.setFirstOffset(next, of: partition)
        }
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
        report.partitionsWaitingForDisk = partitionsWaitingForDisk.count
        report.quality = engine.quality.mapValues(RankingQuality.init)
        report.wholeQuality = engine.wholeQuality.mapValues(RankingQuality.init)
        addLag(to: &report)
        return report
    }

    /// Lag is counted from the position, which is beyond the markers that transactions leave behind. Where no broker is
    /// reached nobody knows how much has come meanwhile.
    private func addLag(to report: inout StatusReport) {
        let now = time.wall()
        var lagSeconds: Double? = isConnected ? 0 : nil
        for partition in partitions.assigned {
            guard let reading = partitions.reading(partition) else { continue }
            let lag = isConnected ? reading.highWatermark.map { max(0, $0 - reading.position) } : nil
            if let lag, lag > 0 {
                lagSeconds = reading.newest.map {
                    max(lagSeconds ?? 0, Double(now.milliseconds - $0.timestamp.milliseconds) / 1000)
                }
            }
            report.partitions.append(
                PartitionStatus(
                    topic: partition.topic, partition: partition.partition, position: reading.position,
                    committed: partitions[partition]?.confirmedCommit, lagRecords: lag))
        }
        report.consumerLagSeconds = lagSeconds
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
