/// The input of one training step: windows of sessions, laid end to end, each position with the item
/// that came next.
///
/// Reused from step to step; its capacity is the step's written maximum.
public struct SequenceBatch: Sendable {
    /// The item read at each position.
    public private(set) var inputs: [ItemIndex] = []
    /// The item that followed it.
    public private(set) var targets: [ItemIndex] = []
    /// How much the position counts in the loss; 0 where it is context only.
    public private(set) var weights: [Float] = []
    /// Where each window stands in the arrays above.
    public private(set) var windows: [Range<Int>] = []

    public let positionsMax: Int

    public var positionCount: Int { inputs.count }

    public init(positionsMax: Int) {
        self.positionsMax = positionsMax
        inputs.reserveCapacity(positionsMax)
        targets.reserveCapacity(positionsMax)
        weights.reserveCapacity(positionsMax)
    }

    public mutating func removeAll() {
        inputs.removeAll(keepingCapacity: true)
        targets.removeAll(keepingCapacity: true)
        weights.removeAll(keepingCapacity: true)
        windows.removeAll(keepingCapacity: true)
    }

    /// Adds one window: `sequence[i]` is read, `sequence[i + 1]` is its target, weighted `weight(i)`.
    ///
    /// - Returns: false, and nothing added, where the window has no target or does not fit.
    @discardableResult
    public mutating func append(_ sequence: Span<ItemIndex>, weight: (Int) -> Float) -> Bool {
        let length = sequence.count - 1
        guard length >= 1, positionCount + length <= positionsMax else { return false }
        let start = positionCount
        for index in 0..<length {
            inputs.append(sequence[index])
            targets.append(sequence[index + 1])
            weights.append(weight(index))
        }
        windows.append(start..<start + length)
        return true
    }
}
