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
            neighborsMax: configuration.measuresNeighbors ? Yardsticks.blendedMax : nil, using: &desks[0].neighbors)
        // nil is a miss.
        var ranks = yardsticks.ranks(of: target, count: Self.rankingMax, candidates)
        func add(_ model: String, _ rank: Int?) {
            ranks.removeAll { $0.model == model }
            ranks.append((model, rank))
        }
        add(servedModel, target.flatMap { sessions[row].ranking.firstIndex(of: $0) }.map { $0 + 1 })
        if let pool {
            let place = target.flatMap { pool.place(of: $0) }
            func rank(by feature: Int) -> Int? {
                place.map { pool.rank(at: $0, by: feature) }.flatMap { $0 <= Self.rankingMax ? $0 : nil }
            }
            for (place, member) in members.enumerated() { add(member.name, rank(by: Blend.Feature.neural(place))) }
            add(YardstickName.neighbors, rank(by: Blend.Feature.neighbors))
        }
        for (model, rank) in ranks {
            if let place = scores.firstIndex(where: { $0.model == model }) { scores[place].record(rank: rank) }
        }
        if target != nil { try guardQuality { model in ranks.contains { $0.model == model && $0.rank != nil } } }
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
