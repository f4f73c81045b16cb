public import Events
internal import Learning
public import SequenceModels
internal import Serving
internal import Tensors

extension Engine {
    /// The name of the served model in metrics and reports.
    public var servedModel: String { configuration.encoder.rawValue }

    /// The row of an item; nil where the item was never seen, or has left.
    public func row(of item: ItemID) -> ItemIndex? { catalog.row(of: item) }

    /// Scores the list that a user's event before left behind, and what the other models would have
    /// listed beside it, by the event that has come now.
    mutating func scoreEarlierList(
        row: Int, window: [SessionEvent], pool: CandidatePool?, target: ItemIndex?
    ) throws(EngineError) {
        guard !window.isEmpty, !sessions[row].ranking.isEmpty else { return }
        let items = window.map(\.item)
        let candidates = yardsticks.candidates(
            after: items, session: row, excluding: [],
            neighborsMax: configuration.measuresNeighbors ? Yardsticks.blendedMax : nil)
        var lists = yardsticks.lists(count: Self.rankingMax, candidates, excluding: [])
        lists[servedModel] = sessions[row].ranking
        if let pool {
            for (place, member) in members.enumerated() {
                lists[member.name] = pool.top(Self.rankingMax, by: Blend.Feature.neural(place))
            }
            lists[YardstickName.neighbors] = pool.top(Self.rankingMax, by: Blend.Feature.neighbors)
        }
        for (model, list) in lists {
            let rank = target.flatMap { list.firstIndex(of: $0) }.map { $0 + 1 }
            quality[model]?.record(rank: rank)
            wholeQuality[model]?.record(rank: rank)
        }
        guard let target else { return }
        try guardQuality { model in lists[model]?.contains(target) ?? false }
    }
}
