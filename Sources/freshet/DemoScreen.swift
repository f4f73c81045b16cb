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
        let interval = Duration.milliseconds(Terminal.isThere ? 500 : 2000)
        let deadline = ContinuousClock.now + duration
        var last = (report: StatusReport(), at: ContinuousClock.now)
        var drawn = 0
        do {
            while ContinuousClock.now < deadline {
                try await cancelWhenGracefulShutdown { try await Task.sleep(for: interval) }
                let (report, now) = (daemon.status(), ContinuousClock.now)
                let rate = Double(report.events.accepted - last.report.events.accepted) / ((now - last.at) / .seconds(1))
                // The start, with what was sent before anybody listened, would stand in it for minutes.
                let p99 = report.eventToPublish.quantile(0.99, since: last.report.eventToPublish)
                last = (report, now)
                let text = DemoText(report: report, rate: rate, p99: p99, sent: traffic.sent)
                if Terminal.isThere {
                    drawn = draw(text, over: drawn)
                } else {
                    print(text.line)
                }
                fflush(nil)
            }
            try await finish()
        } catch is CancellationError {
            // Somebody asked for the end: the summary follows.
        }
    }

    /// Draws a block where the one before began, and clears what is left of that.
    ///
    /// - Parameter lines: of the block before.
    /// - Returns: the lines of this one.
    private func draw(_ text: DemoText, over lines: Int) -> Int {
        let (columns, rows) = Terminal.size
        // The last column stays free, where some terminals wrap, and so does the last row, where the cursor is.
        let block = text.block(width: columns - 1, height: rows - 1)
        print((lines > 0 ? "\u{1B}[\(lines)A" : "") + "\r\u{1B}[J" + block.joined(separator: "\n"))
        return block.count
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
}
