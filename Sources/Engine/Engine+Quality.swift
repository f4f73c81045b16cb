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
    ///
    /// - Parameter desk: has the session's items.
    mutating func scoreEarlierList(
        row: Int, pool: CandidatePool?, target: ItemIndex?, _ desk: ListDesk
    ) throws(EngineError) {
        guard let last = desk.items.last, !sessions[row].ranking.isEmpty else { return }
        desk.ranks.removeAll(keepingCapacity: true)
        if configuration.measuresNeighbors {
            let candidates = yardsticks.candidates(
                after: desk.items, session: row, excluding: [], neighborsMax: Yardsticks.blendedMax, using: &desk.query)
            for (model, list) in yardsticks.lists(count: Self.rankingMax, candidates, excluding: []) {
                desk.ranks.append((model, target.flatMap { list.firstIndex(of: $0) }.map { $0 + 1 }))
            }
        } else {
            yardsticks.tellRanks(of: target, after: last, count: Self.rankingMax, using: &desk.popular) {
                desk.ranks.append(($0, $1))
            }
        }
        desk.ranks.append((servedModel, target.flatMap { sessions[row].ranking.firstIndex(of: $0) }.map { $0 + 1 }))
        if let pool {
            let place = target.flatMap { pool.place(of: $0) }
            func rank(by feature: Int) -> Int? {
                place.map { pool.rank(at: $0, by: feature) }.flatMap { $0 <= Self.rankingMax ? $0 : nil }
            }
            for (place, member) in members.enumerated() {
                desk.ranks.append((member.name, rank(by: Blend.Feature.neural(place))))
            }
            // The neighbours of the list that went out, not those of now.
            desk.ranks.removeAll { $0.model == YardstickName.neighbors }
            desk.ranks.append((YardstickName.neighbors, rank(by: Blend.Feature.neighbors)))
        }
        for (model, rank) in desk.ranks {
            if let place = scores.firstIndex(where: { $0.model == model }) { scores[place].record(rank: rank) }
        }
        if target != nil {
            try guardQuality { model in desk.ranks.contains { $0.model == model && $0.rank != nil } }
        }
    }
}

/// Test-then-train quality of one model, over the newest lists and over all.
///
/// In a list, not under its name: to change a value of a dictionary costs memory each time.
struct ModelScore {
    let model: String
    private(set) var newest: PrequentialQuality
    private(set) var whole = PrequentialQuality(window: nil)

    init(_ model: String, window: Int) {
        self.model = model
        newest = PrequentialQuality(window: window)
    }

    mutating func record(rank: Int?) {
        newest.record(rank: rank)
        whole.record(rank: rank)
    }

    mutating func restore(newest ranks: [UInt16]) { newest.restore(ranks) }
}
