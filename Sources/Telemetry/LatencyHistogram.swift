internal import Histogram

/// How long something took, over the life of the process: quantiles within 1% (HdrHistogram), and the
/// buckets that Prometheus sums over instances.
public struct LatencyHistogram: Sendable {
    private var histogram = Histogram<UInt64>(
        lowestDiscernibleValue: 1, highestTrackableValue: longestMicroseconds, numberOfSignificantValueDigits: .two)
    private var bucketCounts = [UInt64](repeating: 0, count: LatencySummary.bucketBounds.count)
    private var sumSeconds = 0.0
    private var count: UInt64 = 0

    /// Longer times are recorded as this: a minute.
    private static let longestMicroseconds: UInt64 = 60_000_000

    public init() {}

    public mutating func record(_ duration: Duration) {
        let seconds = max(0, duration / .seconds(1))
        let microseconds = UInt64(min(Double(Self.longestMicroseconds), seconds * 1e6))
        histogram.record(microseconds)
        sumSeconds += seconds
        count += 1
        for (place, bound) in LatencySummary.bucketBounds.enumerated() where seconds <= bound {
            bucketCounts[place] += 1
            break
        }
    }

    public func summary() -> LatencySummary {
        var summary = LatencySummary()
        guard count > 0 else { return summary }
        summary.count = count
        summary.sumSeconds = sumSeconds
        summary.p50Seconds = Double(histogram.valueAtPercentile(50)) * 1e-6
        summary.p90Seconds = Double(histogram.valueAtPercentile(90)) * 1e-6
        summary.p99Seconds = Double(histogram.valueAtPercentile(99)) * 1e-6
        var below: UInt64 = 0
        summary.cumulativeBuckets = bucketCounts.map { bucket in
            below += bucket
            return below
        }
        return summary
    }
}

/// A latency histogram at one instant.
public struct LatencySummary: Codable, Equatable, Sendable {
    public var count: UInt64 = 0
    public var sumSeconds = 0.0
    public var p50Seconds = 0.0
    public var p90Seconds = 0.0
    public var p99Seconds = 0.0
    /// For each of ``bucketBounds``, how many took at most that long.
    public var cumulativeBuckets = [UInt64](repeating: 0, count: bucketBounds.count)

    public init() {}

    /// Upper bounds of the buckets in seconds; close to each other where a list should be.
    public static let bucketBounds: [Double] = [
        0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.0025, 0.003, 0.004, 0.005, 0.0075,
        0.01, 0.015, 0.02, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    /// A quantile of what came after an earlier summary of the same histogram.
    ///
    /// - Parameter share: 0...1
    /// - Returns: the upper bound of its bucket in seconds, infinity beyond the last; nil where nothing came.
    public func quantile(_ share: Double, since earlier: LatencySummary) -> Double? {
        guard count > earlier.count else { return nil }
        let wanted = share * Double(count - earlier.count)
        let place = zip(cumulativeBuckets, earlier.cumulativeBuckets).map { $0 - $1 }.firstIndex { Double($0) >= wanted }
        return place.map { Self.bucketBounds[$0] } ?? .infinity
    }
}
