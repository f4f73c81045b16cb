internal import CKernels

/// The best of a stream of scored rows, at most `limit` of them: falling score, equal scores in the order in
/// which they came.
///
/// Sorted insertion: once the list is full, few candidates pass the threshold. The kernels do the same on a
/// copy of the two arrays (see CKernels.h).
public struct TopK: Sendable {
    /// Falling; the floor where nothing stands yet. [capacity, rounded up to what a kernel moves at once]
    private var scores: [Float]
    private var names: [UInt32]
    public private(set) var count = 0
    public private(set) var limit: Int
    /// What every row of the list is above.
    private var floor = -Float.infinity

    public let capacity: Int

    /// The largest capacity.
    public static let capacityMax = 4096
    /// Places that a kernel moves at once.
    static let unit = 16

    /// - Parameter capacity: the largest limit, at most ``capacityMax``.
    public init(capacity: Int) {
        precondition(capacity > 0 && capacity <= Self.capacityMax, "a list has a place, and a bound")
        self.capacity = capacity
        limit = capacity
        let places = (capacity + Self.unit - 1) / Self.unit * Self.unit
        scores = [Float](repeating: -.infinity, count: places)
        names = [UInt32](repeating: 0, count: places)
    }

    /// What a score must exceed to be taken: the floor until the list is full.
    public var threshold: Float { scores[limit - 1] }

    /// Starts a new list of at most `limit` rows.
    public mutating func removeAll(limit: Int) {
        precondition(limit > 0 && limit <= capacity, "the limit is within the capacity")
        self.limit = limit
        begin(above: -.infinity)
    }

    /// Whether rows were passed over that might have stood in the list.
    var hasFloor: Bool { floor > -.infinity }

    /// Starts the list anew, for rows above a score alone: the same list wherever it fills up, and most of the rows that
    /// would have stood in it for a while are passed over.
    mutating func begin(above floor: Float) {
        self.floor = floor
        count = 0
        for place in 0..<scores.count { scores[place] = floor }
    }

    /// Takes a row, where it is among the best so far.
    public mutating func insert(index: Int, score: Float) {
        guard score > threshold else { return }
        var place = limit - 1
        while place > 0 && scores[place - 1] < score {
            (scores[place], names[place]) = (scores[place - 1], names[place - 1])
            place -= 1
        }
        (scores[place], names[place]) = (score, UInt32(truncatingIfNeeded: index))
        count = min(count + 1, limit)
    }

    /// Takes the best of scores that are known: the score of index i is `candidates[i]`.
    public mutating func offer(_ candidates: [Float]) {
        let limit = limit
        unsafe scores.withUnsafeMutableBufferPointer { scores in
            unsafe names.withUnsafeMutableBufferPointer { names in
                unsafe candidates.withUnsafeBufferPointer { candidates in
                    var list = unsafe kn_top_list(scores: scores.baseAddress, names: names.baseAddress, limit: limit)
                    guard let start = candidates.baseAddress else { return }
                    unsafe kn_top_f32(start, candidates.count, &list)
                }
            }
        }
        count = 0
        while count < limit && scores[count] > floor { count += 1 }
    }

    public func index(at place: Int) -> Int {
        precondition(place < count, "the place is taken")
        return Int(names[place])
    }

    public func score(at place: Int) -> Float {
        precondition(place < count, "the place is taken")
        return scores[place]
    }

    /// Copies the list to where a kernel works on it: room for the limit, rounded up to 16.
    func copy(scores target: UnsafeMutablePointer<Float>, names targetNames: UnsafeMutablePointer<UInt32>) {
        for place in 0..<scores.count { unsafe (target[place], targetNames[place]) = (scores[place], names[place]) }
    }

    /// Takes over what a kernel has made of the copy.
    mutating func take(scores source: UnsafePointer<Float>, names sourceNames: UnsafePointer<UInt32>) {
        count = 0
        for place in 0..<limit {
            unsafe (scores[place], names[place]) = (source[place], sourceNames[place])
            if scores[place] > floor { count += 1 }
        }
    }
}
