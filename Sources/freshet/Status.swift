import ArgumentParser
import Foundation
import FoundationNetworking
import Telemetry

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A person's view of a running daemon.",
        discussion: """
            Exits 69 where nobody answers. Where http.token_file is set, name the same file with --token-file.

            Example: freshet status --url http://127.0.0.1:8080
            """)

    @Option(help: "Where the daemon listens.")
    var url = "http://127.0.0.1:8080"

    @Option(help: "A file whose first line is the daemon's token.")
    var tokenFile: String?

    private static let timeout = 10.0

    func validate() throws {
        guard let address = URL(string: url), address.scheme == "http" || address.scheme == "https", address.host != nil
        else { throw ValidationError("--url is \(url), not http://HOST:PORT") }
        // URLSession on Linux connects to no bare IPv6 address.
        guard address.host?.contains(":") != true else {
            throw ValidationError("--url is \(url): give the IPv6 address a name, as http://localhost:PORT, or ask curl -g \(url)/v1/status")
        }
    }

    func run() async throws {
        guard let address = URL(string: url)?.appendingPathComponent("v1/status") else { return }
        var request = URLRequest(url: address, timeoutInterval: Self.timeout)
        if let tokenFile { request.setValue("Bearer " + (try token(tokenFile)), forHTTPHeaderField: "Authorization") }
        let (data, response): (Data, URLResponse)
        do {
            (data, response) = try await URLSession.shared.data(for: request)
        } catch {
            throw fail("nobody answers at \(url): start the daemon, or name its http.listen with --url", code: ExitStatus.unreachable)
        }
        let code = (response as? HTTPURLResponse)?.statusCode ?? 0
        guard code != 401 else {
            throw fail("\(url) asks for a token: name its file with --token-file", code: ExitStatus.unreachable)
        }
        guard code == 200, let report = try? JSONDecoder().decode(StatusReport.self, from: data) else {
            throw fail("what answers at \(url) is no freshet of this version (status \(code))", code: ExitStatus.unreachable)
        }
        print(StatusText(report).text)
    }

    private func token(_ path: String) throws -> String {
        // As the daemon reads it: the end of a line is written in several ways.
        let line = FileManager.default.contents(atPath: path)?.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard let line, !line.isEmpty else {
            throw fail("the token file \(path) cannot be read or is empty", code: ExitStatus.configuration)
        }
        return String(decoding: line, as: UTF8.self)
    }
}

/// A report as lines for people.
struct StatusText {
    private let report: StatusReport

    init(_ report: StatusReport) {
        self.report = report
    }

    var text: String {
        var lines = [
            "freshet \(report.version) on \(report.instructionSet), up \(duration(report.uptimeSeconds))", "",
            row("model", "\(report.encoder), version \(report.modelVersion), \(report.replayedSteps) windows replayed"),
            row("holds", "\(report.items) items, \(report.users) users, \(report.residentBytes >> 20) MiB"),
            row(
                "events", "\(report.events.accepted) accepted, \(report.events.rejected) rejected, \(report.events.duplicate) duplicate"),
            row("lists", "\(report.recommendationsPublished) published"),
            row("lag", lag),
            row("checkpoint", checkpoint),
            row("to publish", latency(report.eventToPublish)),
            row("to list", latency(report.recommend)),
            row("to learn", latency(report.train)),
        ]
        for check in report.checks where !check.passed { lines.append(row("NOT READY", "\(check.name): \(check.detail)")) }
        if report.undeliverable > 0 { lines.append(row("GIVEN UP", "\(report.undeliverable) records that the brokers never take")) }
        if report.lostRecords > 0 { lines.append(row("LOST", "\(report.lostRecords) records were gone before they were read")) }
        if report.partitionsWaitingForDisk > 0 {
            lines.append(row("DISK FULL", "\(report.partitionsWaitingForDisk) partitions wait until it can be written where reading begins"))
        }
        if !report.quality.isEmpty {
            lines += ["", row("live quality", "recall@20   mrr@20  ndcg@20   lists scored")]
            for (name, quality) in report.quality.sorted(by: { $0.value.recall20 > $1.value.recall20 }) {
                lines.append(
                    row(name, String(
                        format: "%9.3f %8.3f %8.3f   %llu", quality.recall20, quality.mrr20, quality.ndcg20, quality.scored)))
            }
        }
        if !report.partitions.isEmpty {
            lines.append("")
            for partition in report.partitions {
                let next = partition.position.map(String.init) ?? "-"
                let behind = partition.lagRecords.map { ", \($0) behind" } ?? ""
                lines.append(row("\(partition.topic)[\(partition.partition)]", "next \(next)\(behind)"))
            }
        }
        return lines.joined(separator: "\n")
    }

    private var lag: String {
        guard let records = report.lagRecords else {
            return report.partitions.isEmpty ? "unknown: no partition is assigned" : "unknown: Kafka is not reached"
        }
        return "\(records) records" + (report.consumerLagSeconds.map { String(format: ", %.1f s", $0) } ?? "")
    }

    private var checkpoint: String {
        let age = report.checkpointAgeSeconds.map { duration($0) + " ago" } ?? "none yet"
        return age + (report.checkpointsFailed > 0 ? ", \(report.checkpointsFailed) FAILED" : "")
    }

    private func latency(_ summary: LatencySummary) -> String {
        String(format: "median %.1f ms, p99 %.1f ms", summary.p50Seconds * 1000, summary.p99Seconds * 1000)
    }

    private func duration(_ seconds: Double) -> String {
        let whole = Int(seconds)
        if whole < 120 { return "\(whole) s" }
        return whole < 7200 ? "\(whole / 60) min" : "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    private func row(_ name: String, _ value: String) -> String {
        "  " + name.padding(toLength: max(13, name.count + 1), withPad: " ", startingAt: 0) + value
    }
}
