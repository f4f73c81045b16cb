internal import Foundation
internal import Tensors

// N = negatives

/// From the scores of one position to the gradient of its loss.
extension Loss {
    /// Turns the first `count` scores into dL/d(score), in place. A score of -∞ is that of nobody.
    ///
    /// - Parameters:
    ///   - scores: the negatives' and then the target's; of a full softmax every item's in the order of rows.
    ///   - target: the target's place among them.
    ///   - value: of the event that came; read by squared error only.
    ///   - itemCount: V.
    /// - Returns: the loss, in nats but for squared error.
    func differentiate(
        _ scores: inout MutableSpan<Float>, count: Int, target: Int, value: Float, itemCount: Int
    ) -> Float {
        switch self {
        case .sampledSoftmax, .fullSoftmax:
            let score = scores[target]
            let loss = softmax(&scores, first: count) - score
            scores[target] -= 1
            return loss
        case .bprMax(let regularization):
            return Self.bprMax(&scores, target: target, regularization: regularization)
        case .gBCE(let calibration):
            let sampled = min(1, Float(target) / Float(max(1, itemCount - 1)))
            return Self.binary(&scores, target: target, power: 1 - calibration * (1 - sampled))
        case .binaryCrossEntropy:
            return Self.binary(&scores, target: target, power: 1)
        case .squaredError:
            let error = scores[target] - value
            scores[target] = 2 * error
            return error * error
        }
    }

    /// - Parameter target: N: the negatives stand before it.
    private static func bprMax(_ scores: inout MutableSpan<Float>, target: Int, regularization: Float) -> Float {
        let score = scores[target]
        var best = -Float.infinity
        for place in 0..<target { best = max(best, scores[place]) }
        scores[target] = 0
        guard best > -.infinity else {
            for place in 0..<target { scores[place] = 0 }
            return 0
        }
        var (sum, won, penalty): (Float, Float, Float) = (0, 0, 0)
        for place in 0..<target where scores[place] > -.infinity {
            let share = exp(scores[place] - best)
            sum += share
            won += share * sigmoid(score - scores[place])
            penalty += share * scores[place] * scores[place]
        }
        won = won / sum + smallestShare
        penalty /= sum
        for place in 0..<target {
            let other = scores[place]
            guard other > -.infinity else {
                scores[place] = 0
                continue
            }
            let (share, wins) = (exp(other - best) / sum, sigmoid(score - other))
            let slope = wins * (1 - wins)
            scores[place] = share * ((slope - wins) / won + 1 + regularization * (other * other - penalty + 2 * other))
            scores[target] -= share * slope / won
        }
        return -log(won) + regularization * penalty
    }

    /// Keeps the logarithm finite where every negative is far ahead (as GRU4Rec's own code does).
    private static let smallestShare: Float = 1e-24

    /// - Parameters:
    ///   - target: N: the negatives stand before it.
    ///   - power: β.
    private static func binary(_ scores: inout MutableSpan<Float>, target: Int, power: Float) -> Float {
        let share = 1 / Float(target + 1)
        var loss: Float = 0
        for place in 0..<target {
            loss += softplus(scores[place])
            scores[place] = share * sigmoid(scores[place])
        }
        loss += power * softplus(-scores[target])
        scores[target] = -share * power * sigmoid(-scores[target])
        return share * loss
    }

    private static func sigmoid(_ x: Float) -> Float { 1 / (1 + exp(-x)) }

    /// log(1 + eˣ), without overflow.
    private static func softplus(_ x: Float) -> Float { max(x, 0) + log1p(exp(-abs(x))) }
}
