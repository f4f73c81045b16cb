import Daemon
import Foundation
import ServiceLifecycle
import Telemetry

/// The demo's live figures: one block that draws over itself on a terminal, a line every two seconds
/// elsewhere. Ends the demo when its time is over.
struct DemoScreen: Service {
    let daemon: Daemon
    let traffic: DemoTraffic
    let duration: Duration

    private static let finishMax = Duration.seconds(5)

    func run() async throws {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let interval = Duration.milliseconds(isTerminal ? 500 : 2000)
        let deadline = ContinuousClock.now + duration
        var last = (report: StatusReport(), at: ContinuousClock.now)
        var isFirst = true
        do {
            while ContinuousClock.now < deadline {
                try await cancelWhenGracefulShutdown { try await Task.sleep(for: interval) }
                let report = daemon.status()
                let now = ContinuousClock.now
                let rate = Double(report.events.accepted - last.report.events.accepted) / ((now - last.at) / .seconds(1))
                // The start, with what was sent before anybody listened, would stand in it for minutes.
                let p99 = latency(report.eventToPublish.quantile(0.99, since: last.report.eventToPublish))
                last = (report, now)
                if isTerminal {
                    let block = Self.block(report, rate: rate, p99: p99, sent: traffic.sent)
                    let up = isFirst ? "" : "\u{1B}[\(block.count)A"
                    print(up + block.map { "\u{1B}[2K" + $0 }.joined(separator: "\n"))
                } else {
                    print(Self.line(report, rate: rate, p99: p99, sent: traffic.sent))
                }
                fflush(nil)
                isFirst = false
            }
            try await finish()
        } catch is CancellationError {
            // Somebody asked for the end: the summary follows.
        }
    }

    /// Stops the traffic, and lets the daemon answer what is under way.
    private func finish() async throws {
        traffic.stop()
        let deadline = ContinuousClock.now + Self.finishMax
        while ContinuousClock.now < deadline {
            let report = daemon.status()
            if traffic.isDone, report.events.accepted + report.events.rejected >= traffic.sent { return }
            try await cancelWhenGracefulShutdown { try await Task.sleep(for: .milliseconds(50)) }
        }
    }

    static func summary(_ report: StatusReport, sent: UInt64) -> String {
        """
        \(sent) events sent, \(report.events.accepted) accepted, \(report.events.rejected) rejected, \
        \(report.recommendationsPublished) lists published
        \(quality(report).joined(separator: "\n"))
        poll to acknowledgement p50 \(milliseconds(report.eventToPublish.p50Seconds)), \
        p99 \(milliseconds(report.eventToPublish.p99Seconds)) since the start; \
        \(report.items) items, \(report.users) users, \(report.residentBytes >> 20) MiB resident
        """
    }

    private static func block(_ report: StatusReport, rate: Double, p99: String, sent: UInt64) -> [String] {
        let lag = report.partitions.compactMap(\.lagRecords).reduce(0, +)
        return [
            "events     \(report.events.accepted) of \(sent) sent   \(Int(rate.rounded())) events/s   lag \(lag)",
            "lists      \(report.recommendationsPublished) published   p50 \(milliseconds(report.eventToPublish.p50Seconds))   p99 now \(p99)",
            "model      \(report.encoder) version \(report.modelVersion)   \(report.items) items   \(report.users) users",
        ] + quality(report)
    }

    private static func line(_ report: StatusReport, rate: Double, p99: String, sent: UInt64) -> String {
        let lag = report.partitions.compactMap(\.lagRecords).reduce(0, +)
        // Of an ensemble the report names the members too; its quality stands under its own name.
        let served = String(report.encoder.prefix { $0 != "(" })
        func recall(_ model: String) -> String { String(format: "%.3f", report.quality[model]?.recall20 ?? 0) }
        return "events \(report.events.accepted)/\(sent)  \(Int(rate.rounded()))/s  lists \(report.recommendationsPublished)  "
            + "recall@20 \(served) \(recall(served)) markov \(recall("markov")) popular \(recall("popular"))  "
            + "p99 \(p99)  lag \(lag)"
    }

    private static func quality(_ report: StatusReport) -> [String] {
        let models = report.quality.sorted { ($1.value.recall20, $0.key) < ($0.value.recall20, $1.key) }
        return models.map { name, quality in
            let bar = String(repeating: "█", count: Int(quality.recall20 * 40))
            let whole = report.wholeQuality[name]?.recall20 ?? 0
            return "recall@20  " + name.padding(toLength: 10, withPad: " ", startingAt: 0)
                + String(format: "%.3f now, %.3f since the start  ", quality.recall20, whole) + bar
        }
    }

    /// The upper bound of a bucket.
    private func latency(_ bound: Double?) -> String {
        guard let bound else { return "-" }
        return bound.isFinite ? "<= " + Self.milliseconds(bound) : "over ten seconds"
    }

    private static func milliseconds(_ seconds: Double) -> String { String(format: "%.1f ms", seconds * 1000) }
}
