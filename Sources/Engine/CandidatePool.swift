internal import Learning
internal import SequenceModels

/// The candidates of a session from several models, and what each says of them.
struct CandidatePool {
    private(set) var items: [ItemIndex] = []
    private(set) var features: [Blend.Features] = []
    private(set) var ages: [Blend.Age] = []
    /// Items of the session, for the weights.
    let sessionLength: Int
    /// Events before the list.
    let sequence: UInt64

    private var places: [ItemIndex: Int] = [:]

    /// What an item has that a model does not name.
    private static let unknown: Blend.Features = {
        var features = Blend.Features(repeating: 0)
        for place in [Blend.Feature.neighbors, Blend.Feature.rules, Blend.Feature.transitions] {
            features[place] = Blend.logShare(0)
        }
        features[Blend.Feature.constant] = 1
        return features
    }()

    init(sessionLength: Int, sequence: UInt64) {
        self.sessionLength = sessionLength
        self.sequence = sequence
    }

    /// Sets what a model says of an item; one that is not in the pool joins it.
    mutating func set(_ feature: Int, of item: ItemIndex, to value: Float) {
        if let place = places[item] {
            features[place][feature] = value
            return
        }
        places[item] = items.count
        items.append(item)
        features.append(Self.unknown)
        ages.append(.young)
        features[items.count - 1][feature] = value
    }

    /// Sets what is known of the items that are in the pool.
    mutating func update(_ body: (ItemIndex, inout Blend.Features, inout Blend.Age) -> Void) {
        for place in items.indices { body(items[place], &features[place], &ages[place]) }
    }

    func place(of item: ItemIndex) -> Int? { places[item] }

    /// The candidates with their blended scores, best first; equal scores the lower row first.
    func ranked(_ weights: Blend.Weights) -> [(item: ItemIndex, score: Float)] {
        items.indices.map { (items[$0], Blend.score(features[$0], weights[ages[$0]])) }.sorted { left, right in
            left.1 != right.1 ? left.1 > right.1 : left.0 < right.0
        }
    }

    /// The best `count` by one feature alone.
    func top(_ count: Int, by feature: Int) -> [ItemIndex] {
        items.indices.sorted { left, right in
            let (first, second) = (features[left][feature], features[right][feature])
            return first != second ? first > second : items[left] < items[right]
        }.prefix(count).map { items[$0] }
    }
}

/// The pools of the newest lists, until the events come that score them. Bounded: the oldest is forgotten.
struct PoolMemory {
    private var pools: [Int: (pool: CandidatePool, slot: Int)] = [:]
    /// Rows in the order in which their pools came, oldest overwritten.
    private var ring: [Int] = []
    private var nextSlot = 0

    private static let capacity = 4096

    mutating func keep(_ pool: CandidatePool, row: Int) {
        if ring.count < Self.capacity {
            ring.append(row)
        } else {
            // The row may have a newer pool by now.
            if pools[ring[nextSlot]]?.slot == nextSlot { pools[ring[nextSlot]] = nil }
            ring[nextSlot] = row
        }
        pools[row] = (pool, nextSlot)
        nextSlot = (nextSlot + 1) % Self.capacity
    }

    mutating func take(row: Int) -> CandidatePool? { pools.removeValue(forKey: row)?.pool }
}
