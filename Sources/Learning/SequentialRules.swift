public import SequenceModels

/// Which items follow which: "after a came b", weighted 1/distance over the newest steps of a
/// session (Ludewig and Jannach 2018, "SR"). With one step it is the first-order Markov chain.
///
/// A yardstick that is cheap, incremental and strong. Memory is bounded: an item keeps at most
/// `successorsMax` successors, and a new one takes the place and the weight of the weakest
/// (Space-Saving; Metwally, Agrawal and El Abbadi 2005).
public struct SequentialRules: Sendable {
    public struct Successor: Equatable, Sendable {
        public var item: ItemIndex
        public var weight: Float

        public init(item: ItemIndex, weight: Float) {
            self.item = item
            self.weight = weight
        }
    }

    private var successors: [[Successor]] = []

    public let stepsMax: Int
    public let successorsMax: Int

    /// - Parameter stepsMax: how many steps back a rule reaches; 1 is a Markov chain.
    public init(stepsMax: Int, successorsMax: Int) {
        self.stepsMax = stepsMax
        self.successorsMax = successorsMax
    }

    /// `target` came after `window`, oldest item first.
    public mutating func observe(_ target: ItemIndex, after window: [ItemIndex]) {
        for distance in 1...stepsMax where distance <= window.count {
            strengthen(window[window.count - distance], target, by: 1 / Float(distance))
        }
    }

    /// The strongest successors of `last`, strongest first, at most `count`, none of `excluded`.
    /// Equal weights: the lower index is ahead.
    public func top(_ count: Int, after last: ItemIndex, excluding excluded: ItemSet) -> [ItemIndex] {
        ranked(after: last, excluding: excluded).prefix(count).map(\.item)
    }

    /// What is known to follow `last`, with its weight, strongest first. Equal weights: the lower index is ahead.
    public func ranked(after last: ItemIndex, excluding excluded: ItemSet) -> [Successor] {
        var ranked: [Successor] = []
        rank(after: last, excluding: excluded, into: &ranked)
        return ranked
    }

    /// The same in memory that is used again and again.
    public func rank(after last: ItemIndex, excluding excluded: ItemSet, into ranked: inout [Successor]) {
        ranked.removeAll(keepingCapacity: true)
        guard Int(last) < successors.count else { return }
        for successor in successors[Int(last)] where excluded.isEmpty || !excluded.contains(successor.item) {
            ranked.append(successor)
        }
        ranked.sort { left, right in
            left.weight != right.weight ? left.weight > right.weight : left.item < right.item
        }
    }

    /// How many items are known to follow `last`.
    public func count(after last: ItemIndex) -> Int { Int(last) < successors.count ? successors[Int(last)].count : 0 }

    /// Where `item` stands in ``ranked(after:excluding:)`` with nothing left out, from 1, without making the list; nil
    /// where it is not known to follow.
    public func rank(of item: ItemIndex, after last: ItemIndex) -> Int? {
        guard Int(last) < successors.count else { return nil }
        let known = successors[Int(last)]
        guard let own = known.first(where: { $0.item == item }) else { return nil }
        return 1 + known.count { $0.weight > own.weight || ($0.weight == own.weight && $0.item < item) }
    }

    /// Forgets the rules of an item whose row goes to another.
    public mutating func remove(_ item: ItemIndex) {
        if Int(item) < successors.count { successors[Int(item)] = [] }
    }

    /// What is known to follow `item`, in the order in which it is kept.
    public func kept(of item: ItemIndex) -> [Successor] {
        Int(item) < successors.count ? successors[Int(item)] : []
    }

    /// Goes on from what a checkpoint kept of `item`; the first ones where the bound is smaller now.
    public mutating func restore(_ kept: [Successor], of item: ItemIndex) {
        guard !kept.isEmpty else { return }
        while successors.count <= Int(item) { successors.append([]) }
        successors[Int(item)] = Array(kept.prefix(successorsMax))
    }

    private mutating func strengthen(_ item: ItemIndex, _ target: ItemIndex, by weight: Float) {
        let row = Int(item)
        while successors.count <= row { successors.append([]) }
        if let place = successors[row].firstIndex(where: { $0.item == target }) {
            successors[row][place].weight += weight
        } else if successors[row].count < successorsMax {
            successors[row].append(Successor(item: target, weight: weight))
        } else if let place = successors[row].indices.min(by: { successors[row][$0].weight < successors[row][$1].weight }) {
            successors[row][place].item = target
            successors[row][place].weight += weight
        }
    }
}
