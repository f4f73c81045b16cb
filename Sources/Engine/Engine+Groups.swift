internal import Events
internal import Learning
internal import SequenceModels
internal import Serving
internal import Tensors

/// Lists that are made together, by every thread.
extension Engine {
    /// Whether the lists of a group must be made before `event` is staged: it scores the list before it, and nobody's
    /// list may be of a session or of items that have left.
    func mustRank(_ group: ListGroup, before event: Event) -> Bool {
        guard !group.members.isEmpty else { return false }
        // A new item takes the place of another where all are taken, and so does a new user.
        if catalog.row(of: event.item) == nil, catalog.count == catalog.capacity { return true }
        guard let row = sessions.row(of: event.user) else { return sessions.count == sessions.capacity }
        return group.members.contains { $0.row == row }
    }

    /// Takes a session whose event is to be answered into the group.
    func add(row: Int, asOf: Timestamp, _ input: EngineInput, isNew: Bool, place: Int, to group: inout ListGroup) {
        let excluded = excludedCount(row: row, configuration.rules.exclusions)
        let desk = desks[0]
        readWindow(ofRow: row, into: &desk.events)
        group.append(
            .init(
                row: row, asOf: asOf, source: input.source, isKept: isNew, isPublished: input.wantsAnswer, place: place,
                limit: max(Self.rankingMax, configuration.rules.count + excluded)),
            window: desk.events.span, limit: limit(configuration.rules, excluded), mark: sessions[row].mark(row: row))
    }

    /// Makes the lists of a group, of everything that was staged until now. Each ranking is kept to be scored by the
    /// user's next event.
    mutating func rank(
        _ group: inout ListGroup, into answers: inout [EngineAnswer], now: Timestamp
    ) throws(EngineError) {
        guard !group.members.isEmpty else { return }
        let shares = min(desks.count, group.members.count)
        consult(group, shares: shares)
        try settleRanking(group.queries)
        dealSpareLists(group, shares: shares)
        makeLists(group, shares: shares)
        for (slot, member) in group.members.enumerated() {
            let desk = desks[slot % shares]
            let made = desk.made[slot / shares]
            if member.isPublished {
                desk.made[slot / shares].items = []
                answers[member.place] = .list(
                    recommendation(sessions[member.row].user, made.items, asOf: member.asOf, now: now, source: member.source))
            }
            // A list that is made again, of a later state, is not the one that the next event scores.
            guard member.isKept else { continue }
            sessions[member.row].keepRanking(desk.rankings[made.ranking])
            if let pool = made.pool { pools.keep(desk.packedPool(pool), row: member.row) }
        }
        group.removeAll()
    }

    /// Asks every model: the neural ones each by itself, the counting ones session by session.
    private func consult(_ group: ListGroup, shares: Int) {
        let (members, queries) = (members, group.queries)
        for desk in desks { desk.clear() }
        let counts = configuration.encoder == .ensemble
        let neuralShares = members.first?.shareCount ?? 0
        let neuralParts = members.count * neuralShares
        for member in members { member.beginRanking(queries) }
        workers.forEach(neuralParts + (counts ? shares : 0)) { part in
            if part < neuralParts { return members[part / neuralShares].rank(queries, share: part % neuralShares) }
            let share = part - neuralParts
            for slot in stride(from: share, to: group.members.count, by: shares) {
                let desk = desks[share]
                desk.takeItems(of: queries.events(slot))
                fill(&desk.pools[desk.addPool()], row: group.members[slot].row, window: desk.items, desk)
            }
        }
        for member in members { member.endRanking() }
    }

    /// Makes one list of what the models said, for each session.
    private func makeLists(_ group: ListGroup, shares: Int) {
        workers.forEach(shares) { share in
            for slot in stride(from: share, to: group.members.count, by: shares) {
                desks[share].takeItems(of: group.queries.events(slot))
                desks[share].made.append(list(of: group.members[slot], slot: slot, place: slot / shares, desks[share]))
            }
        }
    }

    /// - Parameter desk: has the session's items.
    private func list(of member: ListGroup.Member, slot: Int, place: Int, _ desk: ListDesk) -> MadeList {
        let hasPool = place < desk.poolCount
        if hasPool { complete(&desk.pools[place], slot: slot, window: desk.items, probes: [], desk) }
        let pool = hasPool ? desk.pools[place] : nil
        order(
            ofSlot: slot, pool: pool, weights: weights(row: member.row),
            limit: member.limit, into: &desk.order)
        let first = desk.rankings.count
        var made = MadeList(ranking: first..<first, items: [], pool: nil)
        if member.isPublished {
            readExcluded(row: member.row, configuration.rules.exclusions, into: &desk.excluded)
            made.items = items(excluded: desk.excluded, count: configuration.rules.count, desk)
        }
        if member.isKept {
            for (item, _) in desk.order.prefix(Self.rankingMax) { desk.rankings.append(item) }
            made.ranking = first..<desk.rankings.count
            made.pool = pool.map { desk.pack($0, row: member.row) }
        }
        return made
    }
}
