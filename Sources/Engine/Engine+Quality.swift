public import Events
internal import Learning
public import SequenceModels
internal import Serving
internal import Tensors

/// What each model would list for a user right now, as item rows, best first.
public struct CandidateLists: Sendable {
    public var byModel: [String: [ItemIndex]]

    /// The rank, from 1, that `target` has in each list; nil where it is not in it.
    public func ranks(of target: ItemIndex?) -> [String: Int?] {
        byModel.mapValues { list in
            guard let target else { return nil }
            return list.firstIndex(of: target).map { $0 + 1 }
        }
    }
}

extension Engine {
    /// The name of the served model in metrics and reports.
    public var servedModel: String { configuration.encoder.rawValue }

    /// What every model would list for `user` before their next event, for a back-test.
    ///
    /// - Returns: nil where nothing is known of the user.
    public mutating func candidateLists(
        for user: UserID, count: Int, exclusions: Set<Exclusion>
    ) throws(EngineError) -> CandidateLists? {
        guard let row = sessions.row(of: user) else { return nil }
        let window = window(ofRow: row)
        guard !window.isEmpty else { return nil }
        let excluded = excludedItems(row: row, exclusions)
        try rank(window, limit: limit(ListRules(count: count, exclusions: exclusions), excluded))
        let items = window.map(\.item)
        func kept(_ order: [(item: ItemIndex, score: Float)]) -> [ItemIndex] {
            order.lazy.map(\.item).filter { !excluded.contains($0) }.prefix(count).map { $0 }
        }
        var lists = yardsticks.lists(
            count: count, after: items, session: row, excluding: excluded, withNeighbors: true)
        for member in members { lists[member.name] = kept(member.order(ofSlot: 0)) }
        if let pool = pool(row: row, slot: 0, window: items) {
            lists[servedModel] = kept(pool.ranked(weights(row: row)))
            pools.keep(pool, row: row)
        }
        return CandidateLists(byModel: lists)
    }

    /// The row of an item; nil where the item was never seen, or has left.
    public func row(of item: ItemID) -> ItemIndex? { catalog.row(of: item) }

    /// Scores the list that a user's event before left behind, and what the other models would have
    /// listed beside it, by the event that has come now.
    mutating func scoreEarlierList(row: Int, window: [SessionEvent], pool: CandidatePool?, target: ItemIndex?) {
        guard !window.isEmpty, !sessions[row].ranking.isEmpty else { return }
        var lists = yardsticks.lists(
            count: Self.rankingMax, after: window.map(\.item), session: row, excluding: [],
            withNeighbors: configuration.measuresNeighbors)
        lists[servedModel] = sessions[row].ranking
        if let pool {
            for (place, member) in members.enumerated() {
                lists[member.name] = pool.top(Self.rankingMax, by: Blend.Feature.neural(place))
            }
            lists[YardstickName.neighbors] = pool.top(Self.rankingMax, by: Blend.Feature.neighbors)
        }
        for (model, rank) in CandidateLists(byModel: lists).ranks(of: target) {
            quality[model]?.record(rank: rank)
            wholeQuality[model]?.record(rank: rank)
        }
    }
}
