internal import Foundation

/// How well a model tells the item that came from items that did not: each score through a sigmoid, as a
/// probability of a click.
///
/// What a score means is learned from the events before, see `ScoreCalibration`, because a ranking says nothing of
/// how large its scores are; a model that tells probabilities itself is taken at its word.
struct ClickMetrics: Sendable {
    private var (truePositives, falsePositives, trueNegatives, falseNegatives) = (0, 0, 0, 0)
    private var logLossSum = 0.0
    /// How many clicks and others had each probability, by its logit.
    private var clicks = [Int](repeating: 0, count: binCount)
    private var others = [Int](repeating: 0, count: binCount)
    private var calibration = ScoreCalibration()

    /// Items that did not come, for each that did.
    static let negatives = 4
    /// Places for logits from -16 to 16: what is nearer than 1/2048 counts as equal.
    private static let binCount = 65_536
    private static let logitMax = 16.0

    /// Predicts, counts, and only then learns the calibration.
    mutating func record(click: Float, others negatives: [Float]) {
        let scores = [click] + negatives
        for (place, score) in scores.enumerated() {
            count(Self.logit(calibration.probability(score)), isClick: place == 0)
        }
        for (place, score) in scores.enumerated() { calibration.learn(score, isClick: place == 0) }
    }

    /// Counts probabilities as they are.
    mutating func record(clickProbability: Float, otherProbabilities: [Float]) {
        count(Self.logit(Double(clickProbability)), isClick: true)
        for probability in otherProbabilities { count(Self.logit(Double(probability)), isClick: false) }
    }

    private static func logit(_ probability: Double) -> Double {
        let bounded = min(max(probability, 1e-15), 1 - 1e-15)
        return log(bounded / (1 - bounded))
    }

    private mutating func count(_ logit: Double, isClick: Bool) {
        switch (logit > 0, isClick) {
        case (true, true): truePositives += 1
        case (true, false): falsePositives += 1
        case (false, true): falseNegatives += 1
        case (false, false): trueNegatives += 1
        }
        // -log σ(x) = log(1 + e^-x), without overflow.
        let signed = isClick ? logit : -logit
        logLossSum += log1p(exp(-abs(signed))) + max(0, -signed)
        let share = (min(max(logit, -Self.logitMax), Self.logitMax) + Self.logitMax) / (2 * Self.logitMax)
        let bin = min(Self.binCount - 1, Int(share * Double(Self.binCount)))
        if isClick { clicks[bin] += 1 } else { others[bin] += 1 }
    }

    var figures: EvaluationReport.Clicks {
        let total = truePositives + falsePositives + trueNegatives + falseNegatives
        func share(_ part: Int, of whole: Int) -> Double { whole > 0 ? Double(part) / Double(whole) : 0 }
        let precision = share(truePositives, of: truePositives + falsePositives)
        let recall = share(truePositives, of: truePositives + falseNegatives)
        return EvaluationReport.Clicks(
            accuracy: share(truePositives + trueNegatives, of: total), precision: precision, recall: recall,
            f1: precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0, auc: areaUnderCurve,
            logLoss: total > 0 ? logLossSum / Double(total) : 0)
    }

    /// The share of pairs of a click and another in which the click has the higher probability, equal ones
    /// half (Mann and Whitney 1947).
    private var areaUnderCurve: Double {
        var (below, wins, clickCount) = (0.0, 0.0, 0.0)
        for bin in 0..<Self.binCount {
            wins += Double(clicks[bin]) * (below + Double(others[bin]) / 2)
            below += Double(others[bin])
            clickCount += Double(clicks[bin])
        }
        return below * clickCount > 0 ? wins / (below * clickCount) : 0
    }
}
