/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
///
/// The only source of chance below the daemon. One word is its whole state, so that a checkpoint
/// carries it and a restored learner goes on with the very numbers that it would have drawn.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    public var state: UInt64

    public init(seed: UInt64) {
        state = seed
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Goes on as if `count` words had been drawn.
    public mutating func skip(_ count: Int) {
        state &+= UInt64(count) &* 0x9E37_79B9_7F4A_7C15
    }

    /// A number in 0..<bound. The bias of the multiply-shift is below bound / 2^32.
    public mutating func next(below bound: Int) -> Int {
        precondition(bound > 0 && bound <= Int(UInt32.max), "the bound is a positive 32-bit number")
        return Int((UInt64(UInt32(truncatingIfNeeded: next() >> 32)) &* UInt64(bound)) >> 32)
    }

    /// A number in [0, 1), of 24 random bits.
    public mutating func nextUnit() -> Float {
        Float(next() >> 40) * 0x1p-24
    }

    /// A number uniform in [-limit, limit).
    public mutating func nextSymmetric(_ limit: Float) -> Float {
        (nextUnit() * 2 - 1) * limit
    }
}
