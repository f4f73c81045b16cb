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
        if let row = sessions.row(of: user), !window(ofRow: row).isEmpty {
            let excluded = excludedItems(row: row, rules.exclusions)
            let window = window(ofRow: row)
            try rank([SessionQuery(window: window, limit: limit(rules, excluded))])
            let items = window.map(\.item)
            let pool = configuration.encoder == .ensemble ? pool(row: row, slot: 0, window: items, desks[0]) : nil
            let order = order(
                ofSlot: 0, pool: pool, weights: weights(row: row), limit: rules.count + excluded.count)
            let list = self.items(order, window: items, excluded: excluded, count: rules.count, desks[0])
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
        try rank([SessionQuery(window: window, limit: limit(rules, excluded))])
        var pool: CandidatePool?
        if configuration.encoder == .ensemble {
            let items = window.map(\.item)
            let candidates = yardsticks.candidates(
                after: items, session: Self.noRow, excluding: [], neighborsMax: Self.membersCandidatesMax,
                using: &desks[0].neighbors)
            var counted = countingPool(sessionLength: known.count, candidates, desks[0])
            complete(&counted, slot: 0, window: items, probes: [], desks[0])
            pool = counted
        }
        let order = order(
            ofSlot: 0, pool: pool, weights: blend.weights(sessionLength: known.count),
            limit: rules.count + excluded.count)
        return (items(order, window: window.map(\.item), excluded: excluded, count: rules.count, desks[0]), false)
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
    func limit(_ rules: ListRules, _ excluded: ItemSet) -> Int {
        let wanted = max(Self.rankingMax, rules.count + excluded.count)
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
        ofSlot slot: Int, pool: CandidatePool?, weights: Blend.Weights, limit: Int
    ) -> [(item: ItemIndex, score: Float)] {
        if let pool { return pool.ranked(weights, limit: limit) }
        return members.first?.order(ofSlot: slot) ?? []
    }

    /// The best candidates that the rules leave, with their reasons.
    func items(
        _ order: [(item: ItemIndex, score: Float)], window: [ItemIndex], excluded: ItemSet, count: Int, _ desk: ListDesk
    ) -> [ScoredItem] {
        guard let member = members.first else { return [] }
        desk.explanation.begin(session: window.span, in: member.snapshot)
        var items: [ScoredItem] = []
        items.reserveCapacity(count)
        for (item, score) in order where items.count < count {
            if excluded.contains(item) { continue }
            let reason = desk.explanation.reason(for: item, in: member.snapshot)
            items.append(
                ScoredItem(item: catalog.id(of: item), score: score, because: reason.map { catalog.id(of: $0) }))
        }
        return items
    }

    /// Ranks every item for some sessions, by every member side by side.
    private mutating func rank(_ queries: [SessionQuery]) throws(EngineError) {
        let members = members
        workers.forEach(members.count) { members[$0].rank(queries) }
        try settleRanking(queries)
    }

    /// What the last ranking left undone.
    mutating func settleRanking(_ queries: [SessionQuery]) throws(EngineError) {
        for member in members where member.failure != nil {
            // Weights that give no usable state are no good: once more with the last that were.
            try rollBack(member, .notFinite)
            member.rank(queries)
            if let failure = member.failure { throw failure }
        }
    }

    /// Rows that the rules take out of a list; at most twice the session's length.
    func excludedItems(row: Int, _ exclusions: Set<Exclusion>) -> ItemSet {
        let session = sessions[row]
        var excluded: [ItemIndex] = []
        if exclusions.contains(.current), let last = session.entries.last { excluded.append(last.item) }
        if exclusions.contains(.seen) { excluded += session.entries.map(\.item) }
        if exclusions.contains(.purchased) { excluded += session.purchased.map(\.item) }
        return ItemSet(excluded)
    }

    func recommendation(
        _ user: UserID, _ items: [ScoredItem], asOf: Timestamp, now: Timestamp, source: RecordSource?
    ) -> Recommendation {
        Recommendation(
            user: user, items: items, asOf: asOf, generatedAt: now,
            model: ModelVersion(encoder: configuration.encoder.rawValue, version: modelVersion), source: source)
    }
}
