import Foundation
import Tensors

/// One result, printed as one JSON object a line: the names of performance figures that people and
/// scripts compare. Members that do not apply are left out.
struct BenchLine: Encodable {
    var bench: String
    var items: Int?
    var dimensions: Int?
    var queries: Int?
    var encoder: String?
    var length: Int?
    var index: String?
    var batch: Int?
    var negatives: Int?
    var users: Int?
    var events: Int?
    var rate: Int?
    var threads = 1
    var isa = ""
    var medianMicroseconds: Double?
    var p99Microseconds: Double?
    var perSecond: Double?
    /// What the machine needs at least.
    var limitMicroseconds: Double?
    /// The median of the same on the plain kernels.
    var plainMicroseconds: Double?
    /// The median over the limit.
    var distance: Double?
    var recall: Double?
    var updatesPerSecond: Double?
    var rowsRead: Double?
    /// The longest that one update took, or that the stream waited for one piece of a checkpoint.
    var pauseMicroseconds: Double?
    /// The longest that one turn had the processor: a pause beyond it is time that others had.
    var ownPauseMicroseconds: Double?
    /// The p99 over that of turns without a checkpoint.
    var ratio: Double?
    var buildMicroseconds: Double?
    var residentBytes: UInt64?
    /// Blocks of memory that were asked for; of the daemon's bench by the broker and the producer of events too, which are
    /// in the same process.
    var allocationsPerEvent: Double?
    var commit = ""

    enum CodingKeys: String, CodingKey {
        case bench, items, dimensions, queries, encoder, length, index, batch, negatives, users, events, rate, threads
        case isa, commit, recall, distance, ratio
        case updatesPerSecond = "updates_per_second"
        case rowsRead = "rows_read"
        case pauseMicroseconds = "pause_us"
        case ownPauseMicroseconds = "own_pause_us"
        case buildMicroseconds = "build_us"
        case medianMicroseconds = "median_us"
        case p99Microseconds = "p99_us"
        case perSecond = "per_second"
        case limitMicroseconds = "limit_us"
        case plainMicroseconds = "plain_us"
        case residentBytes = "resident_bytes"
        case allocationsPerEvent = "allocations_per_event"
    }

    init(_ bench: String) { self.bench = bench }

    /// Takes over what was measured.
    mutating func take(_ timing: Timing, plain: Double?) {
        (medianMicroseconds, p99Microseconds, plainMicroseconds) = (timing.median, timing.p99, plain)
    }

    /// - Parameter limit: what the machine needs at least, in microseconds.
    mutating func compare(toLimit limit: Double) {
        limitMicroseconds = limit
        distance = medianMicroseconds.map { $0 / limit }
    }
}

/// Times of one body, run again and again.
struct Timing {
    private var seconds: [Double]

    /// Runs `body` for about `budget`, after a tenth of it to warm up.
    init(budget: Duration = .seconds(1), _ body: () throws -> Void) rethrows {
        let warm = ContinuousClock.now + budget / 10
        repeat { try body() } while ContinuousClock.now < warm
        seconds = []
        let end = ContinuousClock.now + budget
        repeat {
            let began = ContinuousClock.now
            try body()
            seconds.append((ContinuousClock.now - began) / .seconds(1))
        } while ContinuousClock.now < end && seconds.count < Self.runsMax
        seconds.sort()
    }

    /// The median of `body` on the plain kernels, in microseconds; nil where they are in use anyway.
    static func plainMedian(_ body: () throws -> Void) rethrows -> Double? {
        let used = InstructionSet.current
        guard used != .plain, InstructionSet.select(.plain) else { return nil }
        defer { InstructionSet.select(used) }
        return try Timing(budget: .milliseconds(300), body).median
    }

    /// - Parameter seconds: of runs that were timed elsewhere; at least one.
    init(seconds: [Double]) { self.seconds = seconds.sorted() }

    private static let runsMax = 1_000_000

    func microseconds(at quantile: Double) -> Double {
        seconds[min(seconds.count - 1, Int(quantile * Double(seconds.count)))] * 1e6
    }

    var median: Double { microseconds(at: 0.5) }
    var p99: Double { microseconds(at: 0.99) }
    var longest: Double { microseconds(at: 1) }
}
