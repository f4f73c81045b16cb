internal import Foundation

/// How well a model tells the item that came from items that did not: each score through a sigmoid, as a
/// probability of a click.
///
/// Scale and offset of the sigmoid are learned from the events before (Platt 1999; here online, predicted
/// first, then learned): two numbers a model, because a ranking says nothing of how large its scores are.
struct ClickMetrics: Sendable {
    private var (truePositives, falsePositives, trueNegatives, falseNegatives) = (0, 0, 0, 0)
    private var logLossSum = 0.0
    /// How many clicks and others had each probability, by its logit.
    private var clicks = [Int](repeating: 0, count: binCount)
    private var others = [Int](repeating: 0, count: binCount)
    private var calibration = Calibration()

    /// Items that did not come, for each that did.
    static let negatives = 4
    /// Places for logits from -16 to 16: what is nearer than 1/2048 counts as equal.
    private static let binCount = 65_536
    private static let logitMax = 16.0

    /// Predicts, counts, and only then learns the calibration.
    mutating func record(click: Float, others negatives: [Float]) {
        let scores = [click] + negatives
        for (place, score) in scores.enumerated() { count(calibration.logit(score), isClick: place == 0) }
        for (place, score) in scores.enumerated() { calibration.learn(score, isClick: place == 0) }
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

/// A logistic regression on one score, learned a score at a time: Adagrad on the score less its running
/// mean, in units of its running deviation.
private struct Calibration: Sendable {
    private var slope = 1.0
    private var offset = -1.4  // One in five.
    private var (slopeSquares, offsetSquares) = (1.0, 1.0)
    // Welford 1962.
    private var (count, mean, squares) = (0.0, 0.0, 0.0)

    private static let rate = 0.3

    func logit(_ score: Float) -> Double { slope * standard(score) + offset }

    mutating func learn(_ score: Float, isClick: Bool) {
        let error = 1 / (1 + exp(-logit(score))) - (isClick ? 1 : 0)
        let slopeGradient = error * standard(score)
        slopeSquares += slopeGradient * slopeGradient
        offsetSquares += error * error
        slope -= Self.rate * slopeGradient / slopeSquares.squareRoot()
        offset -= Self.rate * error / offsetSquares.squareRoot()
        count += 1
        let difference = Double(score) - mean
        mean += difference / count
        squares += difference * (Double(score) - mean)
    }

    private func standard(_ score: Float) -> Double {
        guard count > 1, squares > 0 else { return 0 }
        // What is far out of anything seen tells no more than that.
        return min(max((Double(score) - mean) / (squares / count).squareRoot(), -20), 20)
    }
}
