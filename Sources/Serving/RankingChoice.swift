/// How a list is found.
public enum IndexMode: String, Sendable, CaseIterable {
    /// Whatever has measured faster, where that finds what it should.
    case automatic = "auto"
    /// Every row is scored.
    case exact
    /// Rows of promising clusters are scored, however many the items.
    case approximate
}

/// Nanoseconds that only go forward; handed in, as nothing below the daemon asks for the time.
public typealias Stopwatch = @Sendable () -> UInt64

/// Chooses between scoring all rows and asking the index, by what both have cost and what the index has found
/// in lists that were made both ways; sets the index's reach so that it finds enough.
///
/// Without a stopwatch nothing is measured, and the automatic choice is the exact one: a run that must be
/// repeatable stays so.
public struct RankingChoice {
    public enum Way: Sendable { case exact, approximate, both }

    public let mode: IndexMode
    /// See `ClusteredIndex.rank`.
    public private(set) var reach: Float = 3
    /// Share of the exact lists that the index found lately.
    public private(set) var recall: Float = 0
    /// Nanoseconds a query lately, alone and together with others; 0 before the first.
    private var exactCosts: [Float] = [0, 0]
    private var approximateCosts: [Float] = [0, 0]
    private var asked = 0

    /// What the index shall find; the lists that are made both ways are too few to aim at the promise itself.
    private static let recallAim: Float = 0.985
    private static let recallMin: Float = 0.97
    /// One in so many lists is made both ways: often while the index is not in use, as that costs little then.
    private static let compareInterval = (unused: 64, used: 256)
    private static let newest: Float = 0.1
    private static let reachStep: Float = 4
    private static let reachBounds: ClosedRange<Float> = 1...12

    public init(mode: IndexMode) {
        self.mode = mode
    }

    /// How the next lists are made.
    ///
    /// - Parameters:
    ///   - isTimed: whether what they cost will be told.
    ///   - count: lists.
    public mutating func next(isTimed: Bool, count: Int) -> Way {
        guard mode != .exact, mode == .approximate || isTimed else { return .exact }
        let way: Way = mode == .approximate || isApproximateCheaper(count) ? .approximate : .exact
        asked += 1
        let interval = way == .approximate ? Self.compareInterval.used : Self.compareInterval.unused
        return asked % interval == 1 ? .both : way
    }

    private func isApproximateCheaper(_ count: Int) -> Bool {
        let kind = count > 1 ? 1 : 0
        return approximateCosts[kind] > 0 && recall >= Self.recallMin && approximateCosts[kind] < exactCosts[kind]
    }

    /// Learns from lists that were made both ways.
    public mutating func take(_ comparison: RankingComparison) {
        guard comparison.wanted > 0, comparison.count > 0 else { return }
        let share = Float(comparison.found) / Float(comparison.wanted)
        recall = recall == 0 ? share : recall + (share - recall) * Self.newest
        reach = min(max(reach + Self.reachStep * (Self.recallAim - share), Self.reachBounds.lowerBound), Self.reachBounds.upperBound)
        guard let times = comparison.times else { return }
        let kind = comparison.count > 1 ? 1 : 0
        Self.mix(&exactCosts[kind], Float(times.exact) / Float(comparison.count))
        Self.mix(&approximateCosts[kind], Float(times.approximate) / Float(comparison.count))
    }

    private static func mix(_ cost: inout Float, _ newest: Float) {
        cost = cost == 0 ? newest : cost + (newest - cost) * Self.newest
    }
}

/// What came of lists that were made both ways.
public struct RankingComparison: Sendable {
    /// Lists.
    public var count = 0
    /// Places of the exact lists, and those of them that the index found.
    public var (wanted, found) = (0, 0)
    /// Nanoseconds for all lists; nil where nothing was timed.
    public var times: (exact: UInt64, approximate: UInt64)?

    public init() {}

    /// Adds what another part of the same lists has shown.
    public mutating func add(_ other: RankingComparison) {
        guard other.count > 0 else { return }
        if count == 0 {
            times = other.times
        } else if let own = times, let others = other.times {
            times = (own.exact + others.exact, own.approximate + others.approximate)
        }
        count += other.count
        wanted += other.wanted
        found += other.found
    }
}
