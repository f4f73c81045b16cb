/// The best of a stream of scored rows, at most `limit` of them: falling score, equal scores the lower
/// row first.
///
/// Sorted insertion: once the list is full, few candidates pass the threshold, and each finds its place by
/// halving and moves its neighbours at once.
public struct TopK: Sendable {
    private struct Entry: BitwiseCopyable {
        var score: Float
        var index: UInt32
    }

    private var entries: [Entry]
    public private(set) var count = 0
    public private(set) var limit: Int

    public let capacity: Int

    /// - Parameter capacity: the largest limit.
    public init(capacity: Int) {
        precondition(capacity > 0, "a list has a place")
        self.capacity = capacity
        limit = capacity
        entries = [Entry](repeating: Entry(score: -.infinity, index: 0), count: capacity)
    }

    /// What a score must exceed to be taken: -∞ until the list is full.
    public var threshold: Float { count < limit ? -.infinity : entries[limit - 1].score }

    /// Starts a new list of at most `limit` rows.
    public mutating func removeAll(limit: Int) {
        precondition(limit > 0 && limit <= capacity, "the limit is within the capacity")
        self.limit = limit
        count = 0
    }

    /// Takes a row, where it is among the best so far. Rows come in rising order.
    public mutating func insert(index: Int, score: Float) {
        guard score > threshold else { return }
        let last = min(count, limit - 1)
        count = min(count + 1, limit)
        unsafe entries.withUnsafeMutableBufferPointer { entries in
            guard let start = entries.baseAddress else { return }
            // Behind every score that is at least as high: equal scores stay in the order in which they came.
            var (low, high) = (0, last)
            while low < high {
                let middle = (low + high) / 2
                if unsafe start[middle].score >= score { low = middle + 1 } else { high = middle }
            }
            unsafe (start + low + 1).update(from: start + low, count: last - low)
            unsafe start[low] = Entry(score: score, index: UInt32(truncatingIfNeeded: index))
        }
    }

    public func index(at place: Int) -> Int {
        precondition(place < count, "the place is taken")
        return Int(entries[place].index)
    }

    public func score(at place: Int) -> Float {
        precondition(place < count, "the place is taken")
        return entries[place].score
    }
}
