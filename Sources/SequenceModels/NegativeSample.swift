/// The negatives of one step, shared by all its positions.
public struct NegativeSample: Sendable {
    /// Drawn with replacement.
    public var items: [ItemIndex]
    /// For each, the logarithm of how often it was expected among the draws; 0 where no correction is wanted.
    public var logExpectedCounts: [Float]

    public init(count: Int) {
        items = [ItemIndex](repeating: 0, count: count)
        logExpectedCounts = [Float](repeating: 0, count: count)
    }
}
