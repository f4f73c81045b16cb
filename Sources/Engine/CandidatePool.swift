internal import Checkpoints
internal import Learning
internal import SequenceModels
internal import Tensors

/// The candidates of a session from several models, and what each says of them.
struct CandidatePool {
    private(set) var items: [ItemIndex] = []
    private(set) var features: [Blend.Features] = []
    private(set) var ages: [Blend.Age] = []
    /// Items of the session, for the weights.
    private(set) var sessionLength: Int
    /// Events before the list.
    private(set) var sequence: UInt64

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

    /// Forgets every candidate for another session's; their memory stays.
    mutating func begin(sessionLength: Int, sequence: UInt64) {
        items.removeAll(keepingCapacity: true)
        features.removeAll(keepingCapacity: true)
        ages.removeAll(keepingCapacity: true)
        (self.sessionLength, self.sequence) = (sessionLength, sequence)
    }

    /// Makes `places` those of this pool.
    func locate(_ places: inout StampedPlaces) {
        places.begin(count: 0)
        for (place, item) in items.enumerated() { places.note(Int(item), place) }
    }

    /// Finds an item, or takes it in.
    ///
    /// - Parameter places: those of this pool.
    /// - Returns: its place.
    @discardableResult
    mutating func admit(_ item: ItemIndex, _ places: inout StampedPlaces) -> Int {
        if let place = places.place(of: Int(item)) { return place }
        places.note(Int(item), items.count)
        items.append(item)
        features.append(Self.unknown)
        ages.append(.young)
        return items.count - 1
    }

    /// Sets what a model says of an item; one that is not in the pool joins it.
    mutating func set(_ feature: Int, of item: ItemIndex, to value: Float, _ places: inout StampedPlaces) {
        features[admit(item, &places)][feature] = value
    }

    /// Sets what a neural model says of every item: how far below its best score theirs are.
    mutating func setNeural(_ place: Int, scores: [Float], best: Float) {
        for candidate in items.indices { features[candidate][Blend.Feature.neural(place)] = min(0, scores[candidate] - best) }
    }

    /// Sets what is known of the item in a place.
    mutating func update(at place: Int, _ body: (inout Blend.Features, inout Blend.Age) -> Void) {
        body(&features[place], &ages[place])
    }

    func place(of item: ItemIndex) -> Int? { items.firstIndex(of: item) }

    /// Makes `ranked` the best `limit` candidates with their blended scores, best first; equal scores the lower row
    /// first.
    func rank(_ weights: Blend.Weights, limit: Int, into ranked: inout [(item: ItemIndex, score: Float)]) {
        func isBefore(_ left: (item: ItemIndex, score: Float), _ right: (item: ItemIndex, score: Float)) -> Bool {
            left.score != right.score ? left.score > right.score : left.item < right.item
        }
        ranked.removeAll(keepingCapacity: true)
        for place in items.indices {
            ranked.append((item: items[place], score: Blend.score(features[place], weights[ages[place]])))
        }
        ranked.keepFirst(limit, by: isBefore)
        ranked.sort(by: isBefore)
    }

    /// How a candidate ranks by one feature alone, from 1; of equals the lower row is ahead.
    func rank(at place: Int, by feature: Int) -> Int {
        let value = features[place][feature]
        return 1 + items.indices.count { other in
            let theirs = features[other][feature]
            return theirs > value || (theirs == value && items[other] < items[place])
        }
    }
}

/// A pool as bytes, a quarter of what it is as vectors: how the newest thousands of lists wait for the events
/// that score them, and how a checkpoint has them.
extension CandidatePool {
    /// Session length, events before the list, candidates; of each the item, its age, a bit for each feature
    /// that is not what an item has that nobody names, and those features.
    ///
    /// - Parameter row: the session that the list was made for, which comes first.
    func write(row: Int32, to writer: inout ByteWriter) {
        writer.write(row)
        writer.write(UInt32(sessionLength))
        writer.write(sequence)
        writer.write(UInt16(items.count))
        for place in items.indices {
            writer.write(items[place])
            writer.write(UInt8(ages[place].rawValue))
            let present = Self.bits(features[place])
            writer.write(present)
            writer.write(features[place], where: present)
        }
    }

    /// A bit for each feature that is not what an item has that nobody names.
    private static func bits(_ features: Blend.Features) -> UInt16 {
        UInt16(truncatingIfNeeded: SIMD16<Int32>.zero.replacing(with: powers, where: features .!= unknown).wrappedSum())
    }

    private static let powers: SIMD16<Int32> = {
        var powers = SIMD16<Int32>()
        for place in powers.indices { powers[place] = 1 << Int32(place) }
        return powers
    }()

    /// Goes on from ``write(row:to:)``, behind the row.
    init(from reader: inout ByteReader) throws(PayloadError) {
        self.init(sessionLength: 0, sequence: 0)
        try read(from: &reader)
    }

    /// The same in memory that is used again and again.
    mutating func read(from reader: inout ByteReader) throws(PayloadError) {
        let length = Int(try reader.read(UInt32.self))
        begin(sessionLength: length, sequence: try reader.read(UInt64.self))
        let count = Int(try reader.read(UInt16.self))
        items.reserveCapacity(count)
        features.reserveCapacity(count)
        ages.reserveCapacity(count)
        for _ in 0..<count {
            let item = try reader.read(ItemIndex.self)
            guard let age = Blend.Age(rawValue: Int(try reader.read(UInt8.self))), item >= 0 else {
                throw .inconsistent("a pool of candidates")
            }
            let bits = try reader.read(UInt16.self)
            var read = Self.unknown
            for feature in read.indices where bits & (1 << UInt16(feature)) != 0 { read[feature] = try reader.readFloat() }
            items.append(item)
            features.append(read)
            ages.append(age)
        }
    }
}
