internal import Foundation

/// What the demo shows of a report, laid out for the width that there is.
public struct DemoText: Sendable {
    private let report: StatusReport
    /// Events a second, of the time since the last block.
    private let rate: Double
    /// The p99 of that time in seconds, as a bucket's bound; nil where nothing was published.
    private let p99: Double?
    private let sent: UInt64

    private static let nameWidth = 10
    private static let barWidthMax = 40

    public init(report: StatusReport, rate: Double, p99: Double?, sent: UInt64) {
        self.report = report
        self.rate = rate
        self.p99 = p99
        self.sent = sent
    }

    /// The live block: no line is longer than `width`, and there are at most `height`, so that it can be drawn over.
    public func block(width: Int, height: Int) -> [String] {
        let facts = [
            ["events     \(report.events.accepted) of \(sent) sent", "\(Int(rate.rounded())) events/s", "lag \(report.lagText)"],
            ["lists      \(report.recommendationsPublished) published", "p50 \(Self.milliseconds(report.eventToPublish.p50Seconds))", "p99 now \(latency)"],
            ["model      \(report.encoder) version \(report.modelVersion)", "\(report.items) items", "\(report.users) users"],
        ]
        let lines = facts.flatMap { Self.joined($0, width: width) } + quality(width: width)
        return lines.prefix(max(1, height)).map { String($0.prefix(max(1, width))) }
    }

    /// The same on one line, for what is no terminal.
    public var line: String {
        // Of an ensemble the report names the members too; its quality stands under its own name.
        let served = String(report.encoder.prefix { $0 != "(" })
        func recall(_ model: String) -> String { String(format: "%.3f", report.quality[model]?.recall20 ?? 0) }
        return "events \(report.events.accepted)/\(sent)  \(Int(rate.rounded()))/s  lists \(report.recommendationsPublished)  "
            + "recall@20 \(served) \(recall(served)) markov \(recall("markov")) popular \(recall("popular"))  "
            + "p99 \(latency)  lag \(report.lagText)"
    }

    public func summary(width: Int) -> String {
        let undelivered = report.undeliverable > 0 ? ["\(report.undeliverable) undeliverable"] : []
        let facts = [
            ["\(sent) events sent", "\(report.events.accepted) accepted", "\(report.events.rejected) rejected"] + undelivered
                + ["\(report.recommendationsPublished) lists published"],
            [
                "poll to acknowledgement p50 \(Self.milliseconds(report.eventToPublish.p50Seconds))",
                "p99 \(Self.milliseconds(report.eventToPublish.p99Seconds)) since the start",
            ],
            ["\(report.items) items", "\(report.users) users", "\(report.residentBytes >> 20) MiB resident"],
        ]
        let lines = facts.map { Self.joined($0, by: ", ", width: width) }
        return (lines[0] + quality(width: width) + lines[1] + lines[2]).joined(separator: "\n")
    }

    private func quality(width: Int) -> [String] {
        let models = report.quality.sorted { ($1.value.recall20, $0.key) < ($0.value.recall20, $1.key) }
        return models.map { name, quality in
            let whole = report.wholeQuality[name]?.recall20 ?? 0
            let title = "recall@20  " + name.padding(toLength: max(Self.nameWidth, name.count + 1), withPad: " ", startingAt: 0)
            let line = title + String(format: "%.3f now, %.3f since the start  ", quality.recall20, whole)
            guard line.count <= width else { return title + String(format: "%.3f", quality.recall20) }
            let bar = Double(min(Self.barWidthMax, width - line.count))
            return line + String(repeating: "█", count: Int(min(1, quality.recall20) * bar))
        }
    }

    /// Facts side by side as far as they fit, the others on lines below.
    private static func joined(_ facts: [String], by separator: String = "   ", width: Int) -> [String] {
        facts.reduce(into: []) { lines, fact in
            if let last = lines.last, last.count + separator.count + fact.count <= width {
                lines[lines.count - 1] = last + separator + fact
            } else {
                lines.append(fact)
            }
        }
    }

    /// The upper bound of a bucket.
    private var latency: String {
        guard let p99 else { return "-" }
        return p99.isFinite ? "<= " + Self.milliseconds(p99) : "over ten seconds"
    }

    private static func milliseconds(_ seconds: Double) -> String { String(format: "%.1f ms", seconds * 1000) }
}

extension StatusReport {
    /// Records that are not learned yet; nil where that is unknown of a partition, or none is assigned.
    public var lagRecords: Int64? {
        let lags = partitions.compactMap(\.lagRecords)
        return lags.isEmpty || lags.count < partitions.count ? nil : lags.reduce(0, +)
    }

    public var lagText: String { lagRecords.map(String.init) ?? "unknown" }
}
