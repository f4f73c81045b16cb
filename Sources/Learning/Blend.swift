internal import Foundation

/// One score of several models' scores, with weights that are learned from every event.
///
/// A conditional logit (McFadden 1974): what comes next is drawn from the softmax of the weighted features
/// over a pool of candidates. Weights are kept by the length of the session, because counting is strong at
/// the start of a session and a sequence model later (Jannach and Ludewig 2017).
public struct Blend: Sendable, Equatable {
    /// What is known of one candidate, by place in the vector.
    public typealias Features = SIMD8<Float>

    /// The places of the features.
    public enum Feature {
        /// The score of the neural model in this place of the ensemble, from its best one down: a
        /// log-probability but for a constant.
        public static func neural(_ place: Int) -> Int { place }
        /// Logarithms of shares of the best score.
        public static let neighbors = 3
        public static let rules = 4
        /// The logarithm of the share of events.
        public static let popularity = 5
        /// 1 for an item of the session, and for its last one.
        public static let isSeen = 6
        public static let isCurrent = 7
    }

    /// Sessions of 1, 2, 3 to 4, 5 to 9, and more items.
    static let bucketCount = 5

    private var weights: [Features]
    /// Sums of squared gradients (Adagrad).
    private var accumulators: [Features]

    private static let rate: Float = 0.05

    public init() {
        var start = Features(repeating: 0)
        start[Feature.neural(0)] = 0.5
        start[Feature.neighbors] = 1
        start[Feature.rules] = 0.5
        weights = [Features](repeating: start, count: Self.bucketCount)
        accumulators = [Features](repeating: Features(repeating: 0.1), count: Self.bucketCount)
    }

    /// The logarithm of a share in 0...1, from 0 down to a floor that every item without a score has.
    public static func logShare(_ share: Float) -> Float {
        log((share + shareFloor) / (1 + shareFloor))
    }

    private static let shareFloor: Float = 0.01

    /// The logarithm of how often an item occurred among so many events.
    public static func logFrequency(_ occurrences: Int, of events: UInt64) -> Float {
        log(Float(occurrences + 1) / Float(events + 1))
    }

    /// The weights for a session of `length` items.
    public func weights(sessionLength length: Int) -> Features { weights[Self.bucket(length)] }

    public static func score(_ features: Features, _ weights: Features) -> Float { (features * weights).sum() }

    /// One step on one event.
    ///
    /// - Parameters:
    ///   - pool: the candidates before the event.
    ///   - target: the place in the pool of the item that came.
    public mutating func learn(pool: [Features], target: Int, sessionLength length: Int) {
        let bucket = Self.bucket(length)
        let current = weights[bucket]
        let best = pool.reduce(-Float.infinity) { max($0, Self.score($1, current)) }
        var sum: Float = 0
        var mean = Features(repeating: 0)
        for features in pool {
            let probability = exp(Self.score(features, current) - best)
            sum += probability
            mean += probability * features
        }
        let gradient = mean / sum - pool[target]
        accumulators[bucket] += gradient * gradient
        weights[bucket] -= Self.rate * gradient / accumulators[bucket].squareRoot()
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
        guard values.count == 2 * Self.bucketCount * width, values.allSatisfy(\.isFinite) else { return nil }
        for bucket in 0..<Self.bucketCount {
            for place in 0..<width {
                weights[bucket][place] = values[bucket * width + place]
                accumulators[bucket][place] = values[(Self.bucketCount + bucket) * width + place]
            }
        }
    }
}
