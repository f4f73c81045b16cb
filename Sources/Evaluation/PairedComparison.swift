internal import Foundation
internal import Learning

/// Two models on the same events: the mean difference of their reciprocal ranks, and whether it could be
/// chance.
///
/// The test is a paired z test on reciprocal ranks within the first twenty. Events of one user hang together,
/// so that the variance is that of users' sums (cluster-robust; Liang and Zeger 1986), not of events.
struct PairedComparison: Sendable {
    private var (hits, otherHits) = (0, 0)
    private var (reciprocals, otherReciprocals) = (0.0, 0.0)
    private var count = 0
    /// By user: the sum of differences, and how many.
    private var sums: [Double] = []
    private var counts: [Int32] = []

    mutating func record(user: Int, rank: Int?, otherRank: Int?) {
        while sums.count <= user {
            sums.append(0)
            counts.append(0)
        }
        let (gain, otherGain) = (Self.reciprocal(rank), Self.reciprocal(otherRank))
        count += 1
        if gain > 0 { hits += 1 }
        if otherGain > 0 { otherHits += 1 }
        reciprocals += gain
        otherReciprocals += otherGain
        sums[user] += gain - otherGain
        counts[user] += 1
    }

    private static func reciprocal(_ rank: Int?) -> Double {
        guard let rank, rank <= PrequentialQuality.rankMax else { return 0 }
        return 1 / Double(rank)
    }

    var figures: EvaluationReport.Pair {
        let total = Double(max(1, count))
        let difference = (reciprocals - otherReciprocals) / total
        var variance = 0.0
        for (sum, count) in zip(sums, counts) {
            let deviation = sum - Double(count) * difference
            variance += deviation * deviation
        }
        let error = variance.squareRoot() / total
        let z = error > 0 ? difference / error : 0
        return EvaluationReport.Pair(
            hr20: Double(hits) / total, mrr20: reciprocals / total, otherHR20: Double(otherHits) / total,
            otherMRR20: otherReciprocals / total, difference: difference, standardError: error, z: z,
            p: error > 0 ? erfc(abs(z) / 2.0.squareRoot()) : 1)
    }
}
