internal import Foundation
public import SequenceModels

/// Draws negatives: a part uniformly from all items, the rest from the items of recent events, so
/// that what is popular now is pushed down in proportion and what is rare is still seen.
public struct NegativeSampler: Sendable {
    /// The items of the newest events, oldest overwritten first.
    public private(set) var recent: [ItemIndex] = []
    public private(set) var nextSlot = 0
    /// How often each item stands in `recent`.
    private var recentCounts: [UInt32] = []

    /// Logarithms of this draw by how often an item occurs: most occur never, or rarely, and each is wanted once.
    private var logarithms: [Float] = []
    private static let logarithmsMax = 16

    /// Events remembered.
    public let capacity: Int
    /// The share drawn uniformly, in 0...1.
    public let uniformShare: Float

    public init(capacity: Int, uniformShare: Float) {
        self.capacity = capacity
        self.uniformShare = uniformShare
        recent.reserveCapacity(capacity)
    }

    /// Goes on from what a checkpoint kept.
    public mutating func restore(recent: [ItemIndex], nextSlot: Int) {
        self.recent = Array(recent.prefix(capacity))
        self.nextSlot = self.recent.count < capacity ? 0 : nextSlot % capacity
        recentCounts.removeAll(keepingCapacity: true)
        for item in self.recent { count(item, by: 1) }
    }

    /// Remembers the item of an event, where any is drawn from those.
    public mutating func observe(_ item: ItemIndex) {
        guard uniformShare < 1 else { return }
        count(item, by: 1)
        if recent.count < capacity {
            recent.append(item)
            return
        }
        count(recent[nextSlot], by: -1)
        recent[nextSlot] = item
        nextSlot = (nextSlot + 1) % capacity
    }

    /// Fills `sample` from the items 0..<itemCount.
    public mutating func draw(
        into sample: inout NegativeSample, itemCount: Int, correction: Float, using generator: inout SeededGenerator
    ) {
        precondition(itemCount > 0, "there is an item to draw")
        let uniform = recent.isEmpty ? 1 : uniformShare
        logarithms.removeAll(keepingCapacity: true)
        logarithms.append(contentsOf: repeatElement(.nan, count: Self.logarithmsMax))
        // Each item of a uniform draw stands for itemCount / draws of them: without this the target, which stands for
        // itself alone, would have won before the best of the others are below it.
        let constant = Float(log(Double(sample.items.count) / Double(itemCount)))
        for slot in sample.items.indices {
            let item: ItemIndex
            if generator.nextUnit() < uniform {
                item = ItemIndex(generator.next(below: itemCount))
            } else {
                item = recent[generator.next(below: recent.count)]
            }
            sample.items[slot] = item
            sample.logExpectedCounts[slot] =
                correction == 0 ? 0 : correction * (logRelativeCount(item, uniform, itemCount) + constant)
        }
    }

    /// log of the probability of `item` in one draw, relative to a uniform draw: 0 for an item that
    /// is drawn as often as any.
    private mutating func logRelativeCount(_ item: ItemIndex, _ uniform: Float, _ itemCount: Int) -> Float {
        let index = Int(item)
        let occurrences = index < recentCounts.count ? Int(recentCounts[index]) : 0
        if occurrences < Self.logarithmsMax, !logarithms[occurrences].isNaN { return logarithms[occurrences] }
        let share = recent.isEmpty ? 0 : Float(occurrences) / Float(recent.count)
        let relative = uniform + (1 - uniform) * share * Float(itemCount)
        let logarithm = Float(log(Double(max(relative, .leastNormalMagnitude))))
        if occurrences < Self.logarithmsMax { logarithms[occurrences] = logarithm }
        return logarithm
    }

    private mutating func count(_ item: ItemIndex, by change: Int) {
        let index = Int(item)
        while recentCounts.count <= index { recentCounts.append(0) }
        recentCounts[index] = UInt32(Int(recentCounts[index]) + change)
    }
}
