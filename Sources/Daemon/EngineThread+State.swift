internal import Delivery
internal import Engine
internal import Events
internal import HTTPService
internal import Logging
internal import Settings
internal import Telemetry
internal import Tensors

/// Queries, reports and new settings: what happens between turns.
extension EngineThread {
    mutating func answerQueries() throws(DaemonError) {
        for query in queries.takeAll() {
            let rules = ListRules(
                count: query.query.count ?? settings.recommendations.count,
                exclusions: query.query.exclusions ?? settings.recommendations.exclusions)
            let user = query.user
            let answer = Result<(list: Recommendation, isFallback: Bool), EngineError>.init {
                () throws(EngineError) in
                try loop.engine.recommendation(for: user, rules: rules, now: WallClock.now())
            }
            switch answer {
            case .success(let answer):
                query.answer.resume(
                    returning: .success(ListAnswer(recommendation: answer.list, isFallback: answer.isFallback)))
            case .failure(let error):
                query.answer.resume(returning: .failure(.unavailable("\(error)")))
                throw .engine(error)
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
        loop.configuration.listInterval = settings.recommendations.interval
        loop.configuration.checkpointInterval = settings.state.checkpointInterval
        writer.setCopyInterval(settings.state.previousInterval)
        loop.engine.update(
            rules: ListRules(count: settings.recommendations.count, exclusions: settings.recommendations.exclusions),
            rate: Float(settings.learning.rate), denseRate: Float(settings.learning.denseRate),
            replayRatio: settings.learning.replayRatio)
        logger.notice("configuration read again", metadata: ["applied": "\(changes.applied)"])
        for key in changes.refused { logger.warning("\(key) cannot change while running; restart to apply it") }
    }

    @discardableResult
    mutating func publishReport() -> StatusReport {
        SystemdNotifier.watchdog()
        var report = loop.report()
        report.version = Daemon.version
        report.instructionSet = InstructionSet.current.rawValue
        report.residentBytes = ProcessFigures.current().residentBytes
        let finished = report
        board.with { $0.report = finished }
        return finished
    }
}
