/// One event of a session as encoders read it.
public struct SessionEvent: Equatable, Sendable, BitwiseCopyable {
    public var item: ItemIndex
    /// The type's place among the types that were seen: 0 for the default type, and for those that came after
    /// the table was full.
    public var type: UInt8
    /// How long after the session's event before it came, see ``gapBucket(milliseconds:)``; 0 for the first.
    public var gap: UInt8
    /// The number that came with it, for losses that learn values; only new events have it.
    public var value: Float?

    /// Places of types, and buckets of gaps.
    public static let typesMax = 16
    public static let gapsMax = 16
    public static let repetitionsMax = Repetition.allCases.count

    public init(item: ItemIndex, type: UInt8 = 0, gap: UInt8 = 0) {
        precondition(Int(type) < Self.typesMax && Int(gap) < Self.gapsMax, "a place in each table")
        self.item = item
        self.type = type
        self.gap = gap
    }

    /// A value as it is learned: nil where there is none, or one that no sensible stream has.
    public static func value(_ value: Double?) -> Float? {
        value.flatMap { abs($0) <= Double(Loss.valueMax) ? Float($0) : nil }
    }

    /// The bucket of a time between two events, by powers of three of seconds: 1 below two seconds, 11 for a
    /// day, 15 from half a year on. Time that goes back counts as none.
    public static func gapBucket(milliseconds: Int64) -> UInt8 {
        var bucket: UInt8 = 1
        var bound: Int64 = 2_000
        while milliseconds >= bound, Int(bucket) < gapsMax - 1 {
            bucket += 1
            bound = bound * 3 + 2_000
        }
        return bucket
    }
}

/// Whether a session has met an item before.
enum Repetition: UInt8, CaseIterable {
    case new
    case earlier
    /// The item of the event just before.
    case last
}

extension SessionEvent {
    /// The place of ``Repetition`` for the event at `index` of a session.
    public static func repetition(_ index: Int, in sequence: Span<SessionEvent>) -> Int {
        guard index > 0 else { return Int(Repetition.new.rawValue) }
        let item = sequence[index].item
        if sequence[index - 1].item == item { return Int(Repetition.last.rawValue) }
        let before = sequence.extracting(0..<index - 1)
        for earlier in before.indices where before[earlier].item == item { return Int(Repetition.earlier.rawValue) }
        return Int(Repetition.new.rawValue)
    }
}
