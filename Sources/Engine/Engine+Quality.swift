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
    public static var modelName: String { EngineConfiguration.encoderName }

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
        try rank(window, limit: count + excluded.count)
        var list: [ItemIndex] = []
        list.reserveCapacity(count)
        for place in 0..<recommender.candidates[0].count where list.count < count {
            let item = ItemIndex(recommender.candidates[0].index(at: place))
            if !excluded.contains(item) { list.append(item) }
        }
        var lists = yardsticks.lists(count: count, after: window, session: row, excluding: excluded)
        lists[Self.modelName] = list
        return CandidateLists(byModel: lists)
    }

    /// The row of an item; nil where the item was never seen, or has left.
    public func row(of item: ItemID) -> ItemIndex? { catalog.row(of: item) }

    /// Scores the list that a user's event before left behind, and what the yardsticks would have
    /// listed beside it, by the event that has come now.
    mutating func scoreEarlierList(row: Int, window: [ItemIndex], target: ItemIndex?) {
        guard !window.isEmpty, !sessions[row].ranking.isEmpty else { return }
        var lists = yardsticks.lists(count: Self.rankingMax, after: window, session: row, excluding: [])
        lists[Self.modelName] = sessions[row].ranking
        for (model, rank) in CandidateLists(byModel: lists).ranks(of: target) {
            quality[model]?.record(rank: rank)
            wholeQuality[model]?.record(rank: rank)
        }
    }
}
