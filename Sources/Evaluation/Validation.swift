internal import Engine
internal import Events
internal import Learning
internal import SequenceModels

/// Losses and ranking quality on events that are held out, after an epoch.
public struct Validation: Sendable {
    /// The mean cross-entropy over all items in nats, of each encoder in float.
    public internal(set) var losses: [String: Double] = [:]
    public internal(set) var models: [String: EvaluationReport.Metrics] = [:]
    /// What tells the better of two epochs: the mean NDCG@20 of the encoders, as they are served.
    public internal(set) var score = 0.0
    /// Events that were scored.
    public internal(set) var scored = 0

    /// Asks for so many events at most, spread evenly.
    static let eventsMax = 5000

    static func sample(_ places: [Int32]) -> [Int32] {
        guard places.count > eventsMax else { return places }
        return (0..<eventsMax).map { places[$0 * places.count / eventsMax] }
    }

    /// - Parameter places: scored in this order; a target that is not known is a miss, and has no loss.
    init(
        of contestant: Contestant, _ places: [Int32], _ history: EventHistory, calibratesBlend: Bool
    ) throws(EngineError) {
        var tallies: [String: ModelTally] = [:]
        var sums: [String: (sum: Double, count: Int)] = [:]
        for place in places {
            let forecast = try contestant.validate(Int(place), history, calibratesBlend: calibratesBlend)
            let target = contestant.engine.row(of: history.item(at: Int(place)))
            for (model, list) in forecast.lists {
                let rank = target.flatMap { list.firstIndex(of: $0) }.map { $0 + 1 }
                tallies[model, default: ModelTally(windowLength: places.count, classifies: false)]
                    .record(rank: rank, list: list, group: 0)
            }
            for (model, loss) in forecast.losses {
                sums[model, default: (0, 0)].sum += Double(loss)
                sums[model, default: (0, 0)].count += 1
            }
        }
        scored = places.count
        losses = sums.mapValues { $0.sum / Double($0.count) }
        models = tallies.mapValues { $0.metrics(itemCount: contestant.engine.itemCount) }
        let encoders = contestant.engine.currentConfiguration.neuralMembers.map(\.rawValue)
        score = encoders.reduce(0) { $0 + (models[$1]?.ndcg20 ?? 0) } / Double(max(1, encoders.count))
    }
}
