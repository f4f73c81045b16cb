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
            let pool = pool(row: row, slot: 0, window: window.map(\.item))
            let order = order(
                ofSlot: 0, pool: pool, weights: weights(row: row), limit: rules.count + excluded.count)
            let items = items(order, window: window.map(\.item), excluded: excluded, count: rules.count)
            return (recommendation(user, items, asOf: now, now: now, source: nil), false)
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
                after: items, session: Self.noRow, excluding: [], neighborsMax: Self.membersCandidatesMax)
            var counted = countingPool(sessionLength: known.count, candidates)
            complete(&counted, slot: 0, window: items, probes: [], later: [])
            pool = counted
        }
        let order = order(
            ofSlot: 0, pool: pool, weights: blend.weights(sessionLength: known.count),
            limit: rules.count + excluded.count)
        return (items(order, window: window.map(\.item), excluded: excluded, count: rules.count), false)
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

    /// Whether the lists of a group must be made before `event` is staged, so that they are what they
    /// would be if each were made by itself: the event scores the list before it, and a new item is in no
    /// list that was asked for earlier.
    func mustRank(_ group: ListGroup, before event: Event) -> Bool {
        guard !group.members.isEmpty else { return false }
        guard catalog.row(of: event.item) != nil else { return true }
        // A new user takes the place of another where all are taken.
        guard let row = sessions.row(of: event.user) else { return sessions.count == sessions.capacity }
        return group.members.contains { $0.row == row }
    }

    /// Takes a session whose event is to be answered into the group.
    mutating func add(
        row: Int, asOf: Timestamp, _ input: EngineInput, isNew: Bool, place: Int, to group: inout ListGroup
    ) {
        let excluded = excludedItems(row: row, configuration.rules.exclusions)
        let query = SessionQuery(window: window(ofRow: row), limit: limit(configuration.rules, excluded))
        let pool = configuration.encoder == .ensemble ? countingPool(row: row, window: query.window.map(\.item)) : nil
        group.members.append(
            .init(
                row: row, query: query, asOf: asOf, source: input.source, isKept: isNew, isPublished: input.wantsAnswer,
                stagedBefore: group.staged.count, place: place,
                excluded: excluded, pool: pool, weights: weights(row: row)))
    }

    /// Makes the lists of a group. Each ranking is kept to be scored by the user's next event.
    mutating func rank(
        _ group: inout ListGroup, into answers: inout [EngineAnswer], now: Timestamp
    ) throws(EngineError) {
        guard !group.members.isEmpty else { return }
        try rank(group.members.map(\.query))
        for (slot, member) in group.members.enumerated() {
            let window = member.query.window.map(\.item)
            var pool = member.pool
            if var counted = pool.take() {
                complete(
                    &counted, slot: slot, window: window, probes: [], later: group.staged[member.stagedBefore...])
                pool = counted
            }
            let order = order(
                ofSlot: slot, pool: pool, weights: member.weights,
                limit: max(Self.rankingMax, configuration.rules.count + member.excluded.count))
            if member.isPublished {
                let items = items(
                    order, window: window, excluded: member.excluded, count: configuration.rules.count)
                let user = sessions[member.row].user
                answers[member.place] = .list(
                    recommendation(user, items, asOf: member.asOf, now: now, source: member.source))
            }
            // A list that is made again, of a later state, is not the one that the next event scores.
            guard member.isKept else { continue }
            sessions[member.row].ranking = order.prefix(Self.rankingMax).map(\.item)
            if let pool { pools.keep(pool, row: member.row) }
        }
        group.members.removeAll(keepingCapacity: true)
        group.staged.removeAll(keepingCapacity: true)
    }

    /// Candidates wanted of the neural model.
    func limit(_ rules: ListRules, _ excluded: ItemSet) -> Int {
        let wanted = max(Self.rankingMax, rules.count + excluded.count)
        return configuration.encoder == .ensemble ? max(Self.membersCandidatesMax, wanted) : wanted
    }

    func weights(row: Int) -> Blend.Weights { blend.weights(sessionLength: sessions[row].entries.count) }

    /// The whole pool of a session that is ranked in `slot`; nil where the neural model serves alone.
    mutating func pool(row: Int, slot: Int, window: [ItemIndex]) -> CandidatePool? {
        guard configuration.encoder == .ensemble else { return nil }
        var pool = countingPool(row: row, window: window)
        complete(&pool, slot: slot, window: window, probes: [], later: [])
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
    private mutating func items(
        _ order: [(item: ItemIndex, score: Float)], window: [ItemIndex], excluded: ItemSet, count: Int
    ) -> [ScoredItem] {
        guard let member = members.first else { return [] }
        explanation.begin(session: window.span, in: member.snapshot)
        var items: [ScoredItem] = []
        items.reserveCapacity(count)
        for (item, score) in order where items.count < count {
            if excluded.contains(item) { continue }
            var because: [ItemID] = []
            if let reason = explanation.reason(for: item, in: member.snapshot) { because = [catalog.id(of: reason)] }
            items.append(ScoredItem(item: catalog.id(of: item), score: score, because: because))
        }
        return items
    }

    /// Ranks every item for some sessions, by every member side by side.
    mutating func rank(_ queries: [SessionQuery]) throws(EngineError) {
        let members = members
        workers.forEach(members.count) { members[$0].rank(queries) }
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

    private func recommendation(
        _ user: UserID, _ items: [ScoredItem], asOf: Timestamp, now: Timestamp, source: RecordSource?
    ) -> Recommendation {
        Recommendation(
            user: user, items: items, asOf: asOf, generatedAt: now,
            model: ModelVersion(encoder: configuration.encoder.rawValue, version: modelVersion), source: source)
    }
}
