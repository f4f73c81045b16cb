internal import Learning
internal import SequenceModels

/// What one model has shown so far in a back-test.
struct ModelTally: Sendable {
    private var groups: [Int32: PrequentialQuality] = [:]
    /// Which item rows stood in a list.
    private var isListed: [Bool] = []
    private(set) var series: QualitySeries
    var clicks: ClickMetrics?

    /// - Parameter windowLength: scored events to one point of the series.
    init(windowLength: Int, classifies: Bool) {
        series = QualitySeries(windowLength: windowLength)
        clicks = classifies ? ClickMetrics() : nil
    }

    mutating func record(rank: Int?, list: [ItemIndex], group: Int32) {
        groups[group, default: PrequentialQuality(window: nil)].record(rank: rank)
        series.record(isHit: rank.map { $0 <= PrequentialQuality.rankMax } ?? false)
        for item in list {
            while isListed.count <= Int(item) { isListed.append(false) }
            isListed[Int(item)] = true
        }
    }

    /// Recall@20 so far.
    var recall: Double { mean { $0.recall(at: 20) } }

    func metrics(itemCount: Int) -> EvaluationReport.Metrics {
        var metrics = EvaluationReport.Metrics(clicks?.figures)
        metrics.hr10 = mean { $0.recall(at: 10) }
        metrics.hr20 = recall
        metrics.mrr20 = mean { $0.meanReciprocalRank(at: 20) }
        metrics.ndcg10 = mean { $0.discountedGain(at: 10) }
        metrics.ndcg20 = mean { $0.discountedGain(at: 20) }
        metrics.coverage20 = itemCount > 0 ? Double(isListed.count { $0 }) / Double(itemCount) : 0
        return metrics
    }

    /// The mean over groups, each with the same weight.
    private func mean(_ figure: (PrequentialQuality) -> Double) -> Double {
        guard !groups.isEmpty else { return 0 }
        // In a fixed order: sums of floats depend on it.
        let figures = groups.sorted { $0.key < $1.key }.map { figure($0.value) }
        return figures.reduce(0, +) / Double(figures.count)
    }
}

/// Recall@20 over the stream, a window of scored events after the other.
public struct QualitySeries: Sendable {
    public let windowLength: Int
    private var hits: [Int] = []
    private var scored = 0

    init(windowLength: Int) {
        self.windowLength = max(1, windowLength)
    }

    mutating func record(isHit: Bool) {
        if scored % windowLength == 0 { hits.append(0) }
        if isHit { hits[hits.count - 1] += 1 }
        scored += 1
    }

    /// The share of hits in each window; the last one, where it is cut short, over what it has.
    var values: [Double] {
        hits.enumerated().map { place, count in
            Double(count) / Double(min(windowLength, scored - place * windowLength))
        }
    }
}
