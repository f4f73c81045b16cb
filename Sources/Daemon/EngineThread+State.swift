internal import Checkpoints
internal import Engine
internal import Events
internal import HTTPService
internal import Logging
internal import Settings
internal import Telemetry
internal import Tensors
internal import Learning

/// Checkpoints, queries, reports and new settings: what happens between batches.
extension EngineThread {
    mutating func checkpointIfDue(_ now: ContinuousClock.Instant) throws(DaemonError) {
        let outcome = board.with { contents in
            let outcome = contents.checkpointOutcome
            contents.checkpointOutcome = nil
            return outcome
        }
        if let outcome {
            figures.finishCheckpoint(now, isWritten: outcome.error == nil)
            if let error = outcome.error { logger.error("\(error)") }
            if let failed = outcome.failed { engine.putBack(failed) }
        }
        if figures.startCheckpointIfDue(now, interval: settings.state.checkpointInterval) {
            writer.start(engine.takeCheckpoint())
        }
    }

    mutating func answerQueries() throws(DaemonError) {
        for query in queries.takeAll() {
            let rules = ListRules(
                count: query.query.count ?? settings.recommendations.count,
                exclusions: query.query.exclusions ?? settings.recommendations.exclusions)
            let user = query.user
            let answer = Result<(list: Recommendation, isFallback: Bool), DaemonError>.init {
                () throws(DaemonError) in
                try engineCall { engine throws(EngineError) in
                    try engine.recommendation(for: user, rules: rules, now: WallClock.now())
                }
            }
            switch answer {
            case .success(let answer):
                query.answer.resume(
                    returning: .success(ListAnswer(recommendation: answer.list, isFallback: answer.isFallback)))
            case .failure(let error):
                query.answer.resume(returning: .failure(.unavailable("\(error)")))
                throw error
            }
        }
    }

    mutating func takeOverSettings() {
        guard let new = board.with({ contents in
            let new = contents.newSettings
            contents.newSettings = nil
            return new
        }) else { return }
        let changes = settings.changes(to: new)
        settings.applyReloadable(from: new)
        engine.update(
            rules: ListRules(count: settings.recommendations.count, exclusions: settings.recommendations.exclusions),
            rate: Float(settings.learning.rate), denseRate: Float(settings.learning.denseRate),
            replayRatio: settings.learning.replayRatio)
        logger.notice("configuration read again", metadata: ["applied": "\(changes.applied)"])
        for key in changes.refused { logger.warning("\(key) cannot change while running; restart to apply it") }
    }

    mutating func publishReport(_ now: ContinuousClock.Instant) {
        SystemdNotifier.watchdog()
        var report = figures.report(now)
        report.instructionSet = InstructionSet.current.rawValue
        report.encoder = engine.modelDescription.encoder
        report.modelVersion = engine.modelVersion
        report.trainingSteps = engine.modelVersion
        report.replayedSteps = engine.replayCount
        report.items = engine.itemCount
        report.users = engine.userCount
        report.residentBytes = ProcessFigures.current().residentBytes
        report.quality = engine.quality.mapValues(RankingQuality.init)
        report.wholeQuality = engine.wholeQuality.mapValues(RankingQuality.init)
        let next = engine.nextOffsets
        let time = WallClock.now()
        var lagRecords: Int64 = 0
        var lagMilliseconds: Int64?
        for partition in assigned.sorted(by: { ($0.topic, $0.partition) < ($1.topic, $1.partition) }) {
            let position = next[partition]
            let lag = highWatermarks[partition].map { max(0, $0 - (position ?? 0)) }
            lagRecords += lag ?? 0
            if let lag, lag > 0, let newest = figures.newest[partition] {
                lagMilliseconds = max(lagMilliseconds ?? 0, time.milliseconds - newest.milliseconds)
            }
            report.partitions.append(
                PartitionStatus(
                    topic: partition.topic, partition: partition.partition, position: position,
                    committed: figures.committed[partition], lagRecords: lag))
        }
        report.consumerLagSeconds = lagRecords == 0 ? 0 : lagMilliseconds.map { Double($0) / 1000 }
        let finished = report
        board.with { $0.report = finished }
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
