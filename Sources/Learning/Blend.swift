internal import Foundation

/// One score of several models' scores, with weights that are learned from every event.
///
/// A conditional logit (McFadden 1974): what comes next is drawn from the softmax of the weighted features
/// over a pool of candidates. Weights are kept by the length of the session, because counting is strong at
/// the start of a session and a sequence model later (Jannach and Ludewig 2017), and by the age of the item,
/// because a vector takes longer to learn than a count.
public struct Blend: Sendable, Equatable {
    /// What is known of one candidate, by place in the vector.
    public typealias Features = SIMD16<Float>

    /// The places of the features.
    public enum Feature {
        /// The score of the neural model in this place of the ensemble, from its best one down: a
        /// log-probability but for a constant.
        public static func neural(_ place: Int) -> Int { place }
        /// Logarithms of shares of the best score: nearest sessions, rules over ten steps, rules over one.
        public static let neighbors = 3
        public static let rules = 4
        public static let transitions = 5
        /// The logarithm of the share of events.
        public static let popularity = 6
        /// The logarithm of how many events ago anybody touched the item.
        public static let staleness = 7
        /// 1 for an item of the session, and for its last one.
        public static let isSeen = 8
        public static let isCurrent = 9
        /// How near the end of the session the item stands, 1 / distance; 0 where it does not.
        public static let nearness = 10
        /// 1 for every candidate: ages compete with each other.
        public static let constant = 11
    }

    /// The most neural models that an ensemble has places for.
    public static let neuralMax = 3

    /// How long an item has been known, by how often it has come: fewer than 5 times, fewer than 50, more.
    public enum Age: Int, CaseIterable, Sendable {
        case young, grown, old

        public init(occurrences: Int) {
            self = occurrences < 5 ? .young : occurrences < 50 ? .grown : .old
        }
    }

    /// The weights for sessions of one length, by the item's age.
    public struct Weights: Sendable, Equatable {
        private var young, grown, old: Features

        init(_ young: Features, _ grown: Features, _ old: Features) { (self.young, self.grown, self.old) = (young, grown, old) }

        public internal(set) subscript(age: Age) -> Features {
            get {
                switch age {
                case .young: young
                case .grown: grown
                case .old: old
                }
            }
            set {
                switch age {
                case .young: young = newValue
                case .grown: grown = newValue
                case .old: old = newValue
                }
            }
        }
    }

    /// Sessions of 1, 2, 3 to 4, 5 to 9, and more items.
    static let bucketCount = 5

    /// By session length, then age.
    private var weights: [Features]
    /// Sums of squared gradients (Adagrad).
    private var accumulators: [Features]

    private static let rate: Float = 0.05
    private static let vectorCount = bucketCount * Age.allCases.count

    public init() {
        var start = Features(repeating: 0)
        for place in 0..<Self.neuralMax { start[Feature.neural(place)] = 0.4 }
        start[Feature.neighbors] = 1
        start[Feature.rules] = 0.5
        weights = [Features](repeating: start, count: Self.vectorCount)
        accumulators = [Features](repeating: Features(repeating: 0.1), count: Self.vectorCount)
    }

    /// The logarithm of a share in 0...1, from 0 down to a floor that every item without a score has.
    public static func logShare(_ share: Float) -> Float {
        log((share + shareFloor) / (1 + shareFloor))
    }

    private static let shareFloor: Float = 0.01

    /// The logarithm of how many events ago something was, in 0...1 for up to a million.
    public static func logStaleness(_ events: UInt64) -> Float { log(Float(events) + 1) / 14 }

    /// The logarithm of how often an item occurred among so many events.
    public static func logFrequency(_ occurrences: Int, of events: UInt64) -> Float {
        log(Float(occurrences + 1) / Float(events + 1))
    }

    /// The weights for a session of `length` items.
    public func weights(sessionLength length: Int) -> Weights {
        let first = Self.bucket(length) * Age.allCases.count
        return Weights(weights[first], weights[first + 1], weights[first + 2])
    }

    public static func score(_ features: Features, _ weights: Features) -> Float { (features * weights).sum() }

    /// One step on one event.
    ///
    /// - Parameters:
    ///   - pool: the candidates before the event, with their ages.
    ///   - target: the place in the pool of the item that came.
    public mutating func learn(pool: [Features], ages: [Age], target: Int, sessionLength length: Int) {
        let first = Self.bucket(length) * Age.allCases.count
        var best = -Float.infinity
        for (features, age) in zip(pool, ages) { best = max(best, Self.score(features, weights[first + age.rawValue])) }
        var sum: Float = 0
        // The sum over the candidates of each age, weighted by their probabilities.
        var means = Weights(.zero, .zero, .zero)
        for (features, age) in zip(pool, ages) {
            let probability = exp(Self.score(features, weights[first + age.rawValue]) - best)
            sum += probability
            means[age] += probability * features
        }
        for age in Age.allCases {
            var gradient = means[age] / sum
            if ages[target] == age { gradient -= pool[target] }
            let place = first + age.rawValue
            accumulators[place] += gradient * gradient
            weights[place] -= Self.rate * gradient / accumulators[place].squareRoot()
        }
    }

    private static func bucket(_ length: Int) -> Int {
        switch length {
        case ...1: 0
        case 2: 1
        case 3...4: 2
        case 5...9: 3
        default: 4
        }
    }
}

extension Blend {
    /// Everything that is learned, in order.
    public var values: [Float] {
        (weights + accumulators).flatMap { vector in vector.indices.map { vector[$0] } }
    }

    /// Goes on from ``values``.
    ///
    /// - Returns: nil where there are too few or too many, or one is not finite.
    public init?(values: [Float]) {
        self.init()
        let width = Features.scalarCount
        guard values.count == 2 * Self.vectorCount * width, values.allSatisfy(\.isFinite) else { return nil }
        for vector in 0..<Self.vectorCount {
            for place in 0..<width {
                weights[vector][place] = values[vector * width + place]
                accumulators[vector][place] = values[(Self.vectorCount + vector) * width + place]
            }
        }
    }
}
