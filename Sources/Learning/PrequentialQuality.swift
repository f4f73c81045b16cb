internal import Foundation

/// Ranking quality by test-then-train: each list is scored by the event that came after it was made
/// (Gama, Sebastião and Rodrigues 2013, "On evaluating stream learning algorithms").
///
/// Keeps the sums of a sliding window of scored lists, or of the whole stream.
public struct PrequentialQuality: Sendable {
    /// Ranks of the window, oldest overwritten first; 0 is a miss. Empty where the window is the stream.
    private var ranks: [UInt16] = []
    private var nextSlot = 0
    private var sums = Sums()
    private let window: Int?

    /// Ranks beyond this are misses.
    public static let rankMax = 20

    /// - Parameter window: lists that count; nil for the whole stream.
    public init(window: Int?) {
        self.window = window
        if let window { ranks.reserveCapacity(window) }
    }

    /// Scores one list.
    ///
    /// - Parameter rank: where the list had the item that came, from 1; nil where it had not.
    public mutating func record(rank: Int?) {
        let kept = UInt16(rank.map { $0 <= Self.rankMax ? $0 : 0 } ?? 0)
        sums.add(Int(kept), 1)
        guard let window else { return }
        if ranks.count < window {
            ranks.append(kept)
        } else {
            sums.add(Int(ranks[nextSlot]), -1)
            ranks[nextSlot] = kept
            nextSlot = (nextSlot + 1) % window
        }
    }

    public var scored: Int { sums.scored }

    /// The ranks of the window, oldest first; none where the window is the whole stream.
    public var keptRanks: [UInt16] { Array(ranks[nextSlot...] + ranks[..<nextSlot]) }

    /// Goes on from ``keptRanks``: the newest of them where the window is smaller now.
    public mutating func restore(_ kept: [UInt16]) {
        for rank in kept { record(rank: rank == 0 ? nil : Int(rank)) }
    }

    /// The share of lists that had the item in their first `count`: recall, which with one item to find
    /// is the hit rate.
    public func recall(at count: Int) -> Double {
        mean { rank in rank <= count ? 1 : 0 }
    }

    /// Mean reciprocal rank within the first `count`.
    public func meanReciprocalRank(at count: Int) -> Double {
        mean { rank in rank <= count ? 1 / Double(rank) : 0 }
    }

    /// Normalised discounted cumulative gain within the first `count`; with one item to find,
    /// 1 / log2(1 + rank).
    public func discountedGain(at count: Int) -> Double {
        mean { rank in rank <= count ? 1 / log2(1 + Double(rank)) : 0 }
    }

    private func mean(_ gain: (Int) -> Double) -> Double {
        guard sums.scored > 0 else { return 0 }
        var total = 0.0
        for rank in 1...Self.rankMax { total += gain(rank) * Double(sums.hits[rank]) }
        return total / Double(sums.scored)
    }

    /// How many lists had the item at each rank: every metric is a sum over twenty numbers.
    private struct Sums: Sendable {
        var scored = 0
        var hits = [Int](repeating: 0, count: PrequentialQuality.rankMax + 1)

        mutating func add(_ rank: Int, _ change: Int) {
            scored += change
            hits[rank] += change
        }
    }
}
