public import Events

/// Time that passes when it is told to. The monotonic clock only moves forward; the wall clock may be set,
/// also back.
public struct SimulatedClock: Sendable {
    /// Since the world began.
    public private(set) var monotonic = Duration.zero
    /// How far the wall clock is ahead of its start by more than has passed, in milliseconds.
    private var offsetMilliseconds: Int64 = 0
    private let start: Timestamp

    public init(start: Timestamp) {
        self.start = start
    }

    public var wall: Timestamp {
        let passed = monotonic.components.seconds * 1000 + monotonic.components.attoseconds / 1_000_000_000_000_000
        return Timestamp(milliseconds: start.milliseconds + passed + offsetMilliseconds)
    }

    /// The brokers' own clock, which nobody sets.
    public var brokers: Timestamp { Timestamp(milliseconds: wall.milliseconds - offsetMilliseconds) }

    /// - Parameter duration: zero or more.
    public mutating func advance(by duration: Duration) {
        precondition(duration >= .zero, "a monotonic clock does not go back")
        monotonic += duration
    }

    /// Sets the wall clock forward, or back where `milliseconds` is negative.
    public mutating func jump(milliseconds: Int64) { offsetMilliseconds += milliseconds }
}
