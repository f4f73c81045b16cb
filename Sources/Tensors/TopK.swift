/// The best of a stream of scored rows, at most `limit` of them: falling score, equal scores the lower
/// row first.
///
/// Sorted insertion: once the list is full, few candidates pass the threshold, and each moves a
/// handful of neighbours.
public struct TopK: Sendable {
    private var indices: [Int]
    private var scores: [Float]
    public private(set) var count = 0
    public private(set) var limit: Int

    public let capacity: Int

    /// - Parameter capacity: the largest limit.
    public init(capacity: Int) {
        precondition(capacity > 0, "a list has a place")
        self.capacity = capacity
        limit = capacity
        indices = [Int](repeating: 0, count: capacity)
        scores = [Float](repeating: -.infinity, count: capacity)
    }

    /// What a score must exceed to be taken: -∞ until the list is full.
    public var threshold: Float { count < limit ? -.infinity : scores[limit - 1] }

    /// Starts a new list of at most `limit` rows.
    public mutating func removeAll(limit: Int) {
        precondition(limit > 0 && limit <= capacity, "the limit is within the capacity")
        self.limit = limit
        count = 0
    }

    /// Takes a row, where it is among the best so far. Rows come in rising order.
    public mutating func insert(index: Int, score: Float) {
        guard score > threshold else { return }
        var place = count < limit ? count : limit - 1
        while place > 0 && scores[place - 1] < score {
            scores[place] = scores[place - 1]
            indices[place] = indices[place - 1]
            place -= 1
        }
        scores[place] = score
        indices[place] = index
        count = min(count + 1, limit)
    }

    public func index(at place: Int) -> Int {
        precondition(place < count, "the place is taken")
        return indices[place]
    }

    public func score(at place: Int) -> Float {
        precondition(place < count, "the place is taken")
        return scores[place]
    }
}
