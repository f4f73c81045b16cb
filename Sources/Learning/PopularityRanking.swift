public import SequenceModels

/// Items by how often they occur, kept in order all the time: an occurrence moves its item by one
/// swap, and the rank of any item is read off, so that the yardstick costs the stream nothing.
///
/// Counts are halved every `halfLife` events, which keeps the order and lets it follow the stream.
/// Places among equals are in no order; ``top(_:excluding:)`` puts the lower row ahead.
public struct PopularityRanking: Sendable {
    /// Items in falling order of their counts.
    public private(set) var order: [ItemIndex] = []
    /// For each item, its place in `order`.
    private var places: [Int32] = []
    private var counts: [UInt32] = []
    /// For each count, the first place that holds it. Places of counts that nobody has are stale.
    private var firstPlaces: [Int32] = [0]
    /// Events until the next halving, and halvings so far.
    public private(set) var eventsUntilHalving: Int
    public private(set) var halvings: UInt32 = 0
    /// For each item, whether its count was odd at the last halving.
    private var wasOdd: [Bool] = []

    public let halfLife: Int

    /// - Parameter halfLife: events after which every count is halved.
    public init(halfLife: Int) {
        self.halfLife = halfLife
        eventsUntilHalving = halfLife
    }

    /// The place of `item` in the ranking, from 0, some place among its equals; nil for an item that never occurred.
    public func place(of item: ItemIndex) -> Int? {
        let index = Int(item)
        guard index < counts.count, counts[index] > 0 else { return nil }
        return Int(places[index])
    }

    /// The most frequent items, at most `count`, none of `excluded`. Among equals the lower row is ahead.
    ///
    /// Reads the items that are as frequent as the last one listed: few on any stream with something popular. Where
    /// nothing is, the lowest rows of the ``equalsMax`` that reached the count first are listed.
    public func top(_ count: Int, excluding excluded: ItemSet) -> [ItemIndex] {
        var items: [ItemIndex] = []
        items.reserveCapacity(count)
        list(count, excluding: excluded, into: &items)
        return items
    }

    /// The same in memory that is used again and again.
    public func list(_ count: Int, excluding excluded: ItemSet, into items: inout [ItemIndex]) {
        items.removeAll(keepingCapacity: true)
        var first = 0
        while items.count < count, first < order.count, counts[Int(order[first])] > 0 {
            var end = first + 1
            let bound = min(order.count, first + Self.equalsMax)
            while end < bound, counts[Int(order[end])] == counts[Int(order[first])] { end += 1 }
            appendLowest(order[first..<end], excluding: excluded, to: &items, count: count)
            first = end
        }
    }

    /// Whether a list of `count` can have `item`: so many are not more frequent.
    public func mayList(_ item: ItemIndex, _ count: Int) -> Bool {
        let frequency = self.count(of: item)
        return frequency > 0 && Int(firstPlaces[Int(frequency)]) < count
    }

    /// Equals that are looked at for one list: a list costs the same however many items there are.
    static let equalsMax = 4096

    /// Appends the lowest of some rows, as many as are wanted still, in their order.
    private func appendLowest(
        _ group: ArraySlice<ItemIndex>, excluding excluded: ItemSet, to items: inout [ItemIndex], count: Int
    ) {
        let start = items.count
        for item in group {
            let isFull = items.count == count
            if isFull, item > items[count - 1] { continue }
            if excluded.contains(item) { continue }
            if isFull { items.removeLast() }
            var place = items.count
            while place > start, items[place - 1] > item { place -= 1 }
            items.insert(item, at: place)
        }
    }

    public func count(of item: ItemIndex) -> UInt32 {
        Int(item) < counts.count ? counts[Int(item)] : 0
    }

    /// What the count of an item was before the last halving, where it has not occurred since.
    public func countBeforeHalving(of item: ItemIndex) -> UInt32 {
        2 * count(of: item) + (Int(item) < wasOdd.count && wasOdd[Int(item)] ? 1 : 0)
    }

    /// One more occurrence of `item`. Items come into the ranking in order of their index.
    public mutating func observe(_ item: ItemIndex) {
        admit(item)
        raise(item)
        eventsUntilHalving -= 1
        if eventsUntilHalving == 0 {
            wasOdd = counts.map { $0 % 2 == 1 }
            for index in counts.indices { counts[index] /= 2 }
            halvings += 1
            rebuildPlaces()
            eventsUntilHalving = halfLife
        }
    }

    /// Forgets an item whose row goes to another. It falls behind its equals one count at a time; what
    /// leaves is what was seldom seen, so there are few.
    public mutating func remove(_ item: ItemIndex) {
        let index = Int(item)
        guard index < counts.count else { return }
        while counts[index] > 0 { lower(item) }
    }

    /// Goes on from what a checkpoint kept.
    public mutating func restore(counts: [UInt32], eventsUntilHalving: Int, halvings: UInt32) {
        self.counts = counts
        self.eventsUntilHalving = max(1, min(eventsUntilHalving, halfLife))
        self.halvings = halvings
        order = counts.indices.sorted { left, right in
            counts[left] != counts[right] ? counts[left] > counts[right] : left < right
        }.map { ItemIndex($0) }
        places = [Int32](repeating: 0, count: counts.count)
        rebuildPlaces()
    }

    private mutating func admit(_ item: ItemIndex) {
        while counts.count <= Int(item) {
            let index = counts.count
            counts.append(0)
            places.append(Int32(order.count))
            if index == 0 || counts[Int(order[order.count - 1])] != 0 { firstPlaces[0] = Int32(order.count) }
            order.append(ItemIndex(index))
        }
    }

    private mutating func raise(_ item: ItemIndex) {
        let count = Int(counts[Int(item)])
        let first = Int(firstPlaces[count])
        swapPlaces(Int(places[Int(item)]), first)
        // What is left of the group starts one later; the next group ends with this item, or begins.
        firstPlaces[count] = Int32(first + 1)
        if firstPlaces.count == count + 1 { firstPlaces.append(Int32(first)) }
        let joins = first > 0 && Int(counts[Int(order[first - 1])]) == count + 1
        if !joins { firstPlaces[count + 1] = Int32(first) }
        counts[Int(item)] += 1
    }

    private mutating func lower(_ item: ItemIndex) {
        let count = Int(counts[Int(item)])
        let last = lastPlace(of: UInt32(count))
        swapPlaces(Int(places[Int(item)]), last)
        counts[Int(item)] -= 1
        firstPlaces[count - 1] = Int32(last)
    }

    /// The last place that holds `count`, which somebody has: a binary search over the falling counts.
    private func lastPlace(of count: UInt32) -> Int {
        var low = 0
        var high = order.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if counts[Int(order[middle])] >= count { low = middle } else { high = middle }
        }
        return low
    }

    private mutating func swapPlaces(_ left: Int, _ right: Int) {
        order.swapAt(left, right)
        places[Int(order[left])] = Int32(left)
        places[Int(order[right])] = Int32(right)
    }

    private mutating func rebuildPlaces() {
        let largest = order.first.map { Int(counts[Int($0)]) } ?? 0
        firstPlaces = [Int32](repeating: Int32(order.count), count: largest + 2)
        for place in order.indices.reversed() {
            places[Int(order[place])] = Int32(place)
            firstPlaces[Int(counts[Int(order[place])])] = Int32(place)
        }
    }
}
