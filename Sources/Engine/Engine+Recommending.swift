public import Events
internal import Learning
internal import SequenceModels
internal import Serving
internal import Tensors

extension Engine {
    /// Newest session items that may be named as a reason.
    static let explainingItemsMax = 10

    /// A fresh list for `user`, of the newest state.
    ///
    /// - Returns: the list, and whether it is the popular one because nothing is known of the user.
    public mutating func recommendation(
        for user: UserID, rules: ListRules, now: Timestamp
    ) throws(EngineError) -> (list: Recommendation, isFallback: Bool) {
        let desk = desks[0]
        if let row = sessions.row(of: user) { readWindow(ofRow: row, into: &desk.events) }
        if let row = sessions.row(of: user), !desk.events.isEmpty {
            readExcluded(row: row, rules.exclusions, into: &desk.excluded)
            try rank(SessionQueries(desk.events, limit: limit(rules, desk.excluded.count)))
            desk.takeItems(of: desk.events)
            let pool = configuration.encoder == .ensemble ? pool(row: row, slot: 0, window: desk.items, desk) : nil
            order(
                ofSlot: 0, pool: pool, weights: weights(row: row), limit: rules.count + desk.excluded.count,
                into: &desk.order)
            let list = items(excluded: desk.excluded, count: rules.count, desk)
            return (recommendation(user, list, asOf: now, now: now, source: nil), false)
        }
        return (popularList(user, count: rules.count, asOf: now, now: now, source: nil), true)
    }

    /// The list for a user of whom nothing is known.
    func popularList(
        _ user: UserID, count: Int, asOf: Timestamp, now: Timestamp, source: RecordSource?
    ) -> Recommendation {
        recommendation(user, popularItems(count), asOf: asOf, now: now, source: source)
    }

    /// A list for a session that nobody keeps; learns nothing and changes nothing.
    ///
    /// - Parameter session: its items, oldest first; those that are not known do not count.
    /// - Returns: the list, and whether it is the popular one because none of them is known.
    public mutating func recommendation(
        after session: [ItemID], rules: ListRules
    ) throws(EngineError) -> (items: [ScoredItem], isFallback: Bool) {
        let known = session.compactMap { catalog.row(of: $0) }
        let window = known.suffix(windowMax - 1).map { SessionEvent(item: $0) }
        guard let last = known.last else { return (popularItems(rules.count), true) }
        var left: [ItemIndex] = []
        if rules.exclusions.contains(.current) { left.append(last) }
        if rules.exclusions.contains(.seen) { left += known }
        let excluded = ItemSet(left)
        try rank(SessionQueries(window, limit: limit(rules, excluded.count)))
        let desk = desks[0]
        desk.takeItems(of: window)
        var pool: CandidatePool?
        if configuration.encoder == .ensemble {
            let candidates = yardsticks.candidates(
                after: desk.items, session: Self.noRow, excluding: [], neighborsMax: Self.membersCandidatesMax,
                using: &desk.query)
            var counted = countingPool(sessionLength: known.count, candidates, desk)
            complete(&counted, slot: 0, window: desk.items, probes: [], desk)
            pool = counted
        }
        order(
            ofSlot: 0, pool: pool, weights: blend.weights(sessionLength: known.count),
            limit: rules.count + excluded.count, into: &desk.order)
        return (items(excluded: excluded, count: rules.count, desk), false)
    }

    private func popularItems(_ count: Int) -> [ScoredItem] {
        let popularity = yardsticks.popularity
        let popular = popularity.top(count, excluding: [])
        // Where too few are popular, those that once were.
        let others = popularity.order.lazy.filter { popularity.count(of: $0) == 0 }.prefix(count - popular.count)
        return (popular + (popular.count < count ? Array(others) : [])).map { item in
            ScoredItem(item: catalog.id(of: item), score: Float(popularity.count(of: item)))
        }
    }

    /// Candidates wanted of the neural model.
    func limit(_ rules: ListRules, _ excludedCount: Int) -> Int {
        let wanted = max(Self.rankingMax, rules.count + excludedCount)
        return configuration.encoder == .ensemble ? max(Self.membersCandidatesMax, wanted) : wanted
    }

    func weights(row: Int) -> Blend.Weights { blend.weights(sessionLength: sessions[row].entries.count) }

    /// The whole pool of a session that is ranked in `slot`.
    private func pool(row: Int, slot: Int, window: [ItemIndex], _ desk: ListDesk) -> CandidatePool {
        var pool = CandidatePool(sessionLength: 0, sequence: 0)
        fill(&pool, row: row, window: window, desk)
        complete(&pool, slot: slot, window: window, probes: [], desk)
        return pool
    }

    /// The best `limit` candidates of a slot, best first; more where a neural model serves alone.
    func order(
        ofSlot slot: Int, pool: CandidatePool?, weights: Blend.Weights, limit: Int,
        into order: inout [(item: ItemIndex, score: Float)]
    ) {
        if let pool { return pool.rank(weights, limit: limit, into: &order) }
        members.first?.order(ofSlot: slot, into: &order)
    }

    /// The best candidates that the rules leave, with their reasons.
    ///
    /// - Parameter desk: has the order of the candidates and the session's items.
    func items(excluded: ItemSet, count: Int, _ desk: ListDesk) -> [ScoredItem] {
        guard let member = members.first else { return [] }
        desk.explanation.begin(session: desk.items.span, in: member.snapshot)
        var items = desk.takeList()
        items.reserveCapacity(count)
        for (item, score) in desk.order where items.count < count {
            if excluded.contains(item) { continue }
            let reason = desk.explanation.reason(for: item, in: member.snapshot)
            items.append(
                ScoredItem(item: catalog.id(of: item), score: score, because: reason.map { catalog.id(of: $0) }))
        }
        return items
    }

    /// Ranks every item for some sessions, by every member side by side.
    private mutating func rank(_ queries: SessionQueries) throws(EngineError) {
        let members = members
        workers.forEach(members.count) { members[$0].rank(queries) }
        try settleRanking(queries)
    }

    /// What the last ranking left undone.
    mutating func settleRanking(_ queries: SessionQueries) throws(EngineError) {
        for member in members where member.failure != nil {
            // Weights that give no usable state are no good: once more with the last that were.
            try rollBack(member, .notFinite)
            member.rank(queries)
            if let failure = member.failure { throw failure }
        }
    }

    /// Rows that the rules take out of a list; at most twice the session's length.
    func readExcluded(row: Int, _ exclusions: Set<Exclusion>, into excluded: inout ItemSet) {
        let session = sessions[row]
        excluded.refill { items in
            if exclusions.contains(.current), let last = session.entries.last { items.append(last.item) }
            if exclusions.contains(.seen) { for entry in session.entries { items.append(entry.item) } }
            if exclusions.contains(.purchased) { for entry in session.purchased { items.append(entry.item) } }
        }
    }

    /// How many those are, each as often as it is named.
    func excludedCount(row: Int, _ exclusions: Set<Exclusion>) -> Int {
        let session = sessions[row]
        return (exclusions.contains(.current) ? min(1, session.entries.count) : 0)
            + (exclusions.contains(.seen) ? session.entries.count : 0)
            + (exclusions.contains(.purchased) ? session.purchased.count : 0)
    }

    func recommendation(
        _ user: UserID, _ items: [ScoredItem], asOf: Timestamp, now: Timestamp, source: RecordSource?
    ) -> Recommendation {
        Recommendation(
            user: user, items: items, asOf: asOf, generatedAt: now,
            model: ModelVersion(encoder: configuration.encoder.rawValue, version: modelVersion), source: source)
    }
}
