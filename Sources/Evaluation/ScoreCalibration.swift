internal import Foundation

/// What a score says of the probability of a click, learned a score at a time: predicted first, then learned.
///
/// Several ways to read the score stand side by side, and the share of clicks that knows no score at all; each
/// counts by how well it has predicted so far (the Bayesian mixture; Vovk 1990). The log loss of all scores together
/// is thus never more than log 3 above that of the best of them, the share of clicks included.
struct ScoreCalibration: Sendable {
    private var readings = [ScoreReading(limit: 20), ScoreReading(limit: 4)]
    private var (clickCount, count) = (1.0, Double(1 + ClickMetrics.negatives))
    /// The logarithms of what each has given what came, that of the share last.
    private var evidence = [0.0, 0.0, 0.0]
    // Of the scores, Welford 1962.
    private var (mean, squares, scored) = (0.0, 0.0, 0.0)

    func probability(_ score: Float) -> Double {
        let best = evidence.max() ?? 0
        let weights = evidence.map { exp($0 - best) }
        let sum = zip(weights, probabilities(score)).reduce(0) { $0 + $1.0 * $1.1 }
        return sum / weights.reduce(0, +)
    }

    mutating func learn(_ score: Float, isClick: Bool) {
        for (place, probability) in probabilities(score).enumerated() {
            evidence[place] += log(max(isClick ? probability : 1 - probability, .leastNormalMagnitude))
        }
        let standard = standard(score)
        for place in readings.indices { readings[place].learn(standard, isClick: isClick) }
        count += 1
        clickCount += isClick ? 1 : 0
        scored += 1
        let difference = Double(score) - mean
        mean += difference / scored
        squares += difference * (Double(score) - mean)
    }

    private func probabilities(_ score: Float) -> [Double] {
        let standard = standard(score)
        return readings.map { $0.probability(standard) } + [clickCount / count]
    }

    /// The score less its running mean, in units of its running deviation.
    private func standard(_ score: Float) -> Double {
        guard scored > 1, squares > 0 else { return 0 }
        return (Double(score) - mean) / (squares / scored).squareRoot()
    }
}

/// A logistic regression on one score (Platt 1999), learned by Adagrad.
private struct ScoreReading: Sendable {
    private var (slope, offset) = (1.0, -1.4)  // One in five.
    private var (slopeSquares, offsetSquares) = (1.0, 1.0)
    /// What is farther out than so many deviations tells no more than that.
    let limit: Double

    private static let rate = 0.3

    init(limit: Double) { self.limit = limit }

    func probability(_ standard: Double) -> Double { 1 / (1 + exp(-(slope * bounded(standard) + offset))) }

    mutating func learn(_ standard: Double, isClick: Bool) {
        let error = probability(standard) - (isClick ? 1 : 0)
        let slopeGradient = error * bounded(standard)
        slopeSquares += slopeGradient * slopeGradient
        offsetSquares += error * error
        slope -= Self.rate * slopeGradient / slopeSquares.squareRoot()
        offset -= Self.rate * error / offsetSquares.squareRoot()
    }

    private func bounded(_ standard: Double) -> Double { min(max(standard, -limit), limit) }
}
