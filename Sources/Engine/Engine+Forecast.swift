public import Events
internal import Learning
internal import SequenceModels
internal import Serving
internal import Tensors

/// What a back-test asks: every model's list after some events of a user, learned or not. Nothing is learned
/// and nothing is counted.
extension Engine {
    /// What each model expects of a user after the events of a question.
    ///
    /// A user of whom no event names a known item is expected to take what is popular.
    public mutating func forecast(
        _ question: ForecastQuestion, models: Forecast.Models
    ) throws(EngineError) -> Forecast {
        if models == .blend, configuration.encoder != .ensemble { return Forecast() }
        let window = window(of: question.events)
        let excluded = ItemSet(question.excluded)
        guard !window.isEmpty else { return popularForecast(question, excluding: excluded) }
        let row = sessions.row(of: question.user)
        let items = window.map(\.item)
        let candidates = yardsticks.candidates(
            after: items, session: row ?? Self.noRow, excluding: excluded, neighborsMax: Yardsticks.blendedMax,
            using: &desks[0].query)
        let query = SessionQueries(window, limit: max(Self.membersCandidatesMax, question.count), mark: question.mark)
        let members = members
        workers.forEach(members.count) { members[$0].rank(query, excluding: excluded) }
        for member in members { if let failure = member.failure { throw failure } }
        var forecast = Forecast()
        if models == .all {
            forecast.lists = yardsticks.lists(count: question.count, candidates, excluding: excluded)
            let desk = desks[0]
            for member in members {
                member.order(ofSlot: 0, into: &desk.order)
                forecast.lists[member.name] = desk.order.prefix(question.count).map(\.item)
            }
            score(question.probes, candidates, into: &forecast)
            if question.includesFloat { addFloat(question, window, excluding: excluded, to: &forecast) }
        }
        if configuration.encoder == .ensemble {
            let length = min(question.sessionLength, configuration.sessionLengthMax)
            blend(question, length: length, row: row, after: items, candidates, excluding: excluded, into: &forecast)
        }
        return forecast
    }

    /// Where a user has no session: no row is this one.
    static let noRow = -1

    /// The events whose items are known, as encoders read them; of one event more than is read, only its time.
    func window(of events: [Event]) -> [SessionEvent] {
        var window: [SessionEvent] = []
        for (place, event) in events.enumerated() {
            guard let item = catalog.row(of: event.item) else { continue }
            var gap: UInt8 = 0
            if place > 0 {
                gap = SessionEvent.gapBucket(
                    milliseconds: event.timestamp.milliseconds - events[place - 1].timestamp.milliseconds)
            }
            var read = SessionEvent(item: item, type: types.place(of: event.type), gap: gap)
            read.value = SessionEvent.value(event.value)
            window.append(read)
        }
        return window.suffix(windowMax)
    }

    private func popularForecast(_ question: ForecastQuestion, excluding excluded: ItemSet) -> Forecast {
        let popular = yardsticks.popularity.top(question.count, excluding: excluded)
        var forecast = Forecast()
        var models = configuration.measuredModels
        if question.includesFloat { models += configuration.neuralMembers.map { $0.rawValue + Forecast.floatSuffix } }
        for model in models { forecast.lists[model] = popular }
        return forecast
    }

    /// The blend's list, and its scores of the probes, which are no candidates because of that.
    private mutating func blend(
        _ question: ForecastQuestion, length: Int, row: Int?, after items: [ItemIndex],
        _ candidates: Yardsticks.Candidates, excluding excluded: ItemSet, into forecast: inout Forecast
    ) {
        let desk = desks[0]
        var pool = countingPool(sessionLength: length, candidates, desk)
        let counted = pool
        complete(&pool, slot: 0, window: items, probes: [], desk)
        let weights = blend.weights(sessionLength: length)
        // The session's own items are always candidates.
        pool.rank(weights, limit: question.count + items.count, into: &desk.order)
        let allowed = desk.order.lazy.map(\.item).filter { !excluded.contains($0) }
        forecast.lists[servedModel] = Array(allowed.prefix(question.count))
        if question.keepsPool, let row {
            desk.clear()
            pools.keep(desk.packedPool(desk.pack(pool, row: row)), row: row)
        }
        guard !question.probes.isEmpty else { return }
        var probed = counted
        complete(&probed, slot: 0, window: items, probes: question.probes, desk)
        forecast.probeScores[servedModel] = question.probes.map { probe in
            probed.place(of: probe).map { Blend.score(probed.features[$0], weights[probed.ages[$0]]) } ?? 0
        }
    }

    /// Learns the weights of the blend from what came after a question whose pool was kept, and nothing else.
    public mutating func calibrateBlend(for user: UserID, target: ItemID) {
        let desk = desks[0]
        guard let row = sessions.row(of: user), pools.take(row: row, into: &desk.earlierPool) else { return }
        learnBlend(desk.earlierPool, target: catalog.row(of: target))
    }

    private func score(
        _ probes: [ItemIndex], _ candidates: Yardsticks.Candidates, into forecast: inout Forecast
    ) {
        guard !probes.isEmpty else { return }
        forecast.probeScores = yardsticks.scores(of: probes, candidates, events: sequence)
        for member in members {
            var scores: [Float] = []
            member.scores(of: probes, slot: 0, into: &scores)
            forecast.probeScores[member.name] = scores
        }
    }

    private func addFloat(
        _ question: ForecastQuestion, _ window: [SessionEvent], excluding excluded: ItemSet, to forecast: inout Forecast
    ) {
        for member in members {
            let name = member.name + Forecast.floatSuffix
            member.floatTwin.encode(window, member)
            forecast.lists[name] = member.floatTwin.top(question.count, excluding: excluded)
            if let target = question.target { forecast.losses[member.name] = member.floatTwin.loss(of: target) }
            if !question.probes.isEmpty { forecast.probeScores[name] = question.probes.map { member.floatTwin.score($0) } }
        }
    }
}
