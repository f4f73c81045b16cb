import Testing

@testable import Telemetry

@Suite struct DemoTextTests {
    private func report() -> StatusReport {
        var report = StatusReport()
        report.encoder = "ensemble(gru+attention)"
        report.modelVersion = 123_456
        (report.items, report.users) = (100_000, 1_000_000)
        report.events.accepted = 1_234_567
        report.recommendationsPublished = 1_234_560
        for (index, name) in ["ensemble", "gru", "attention", "knn", "knn+rules", "markov", "popular", "rules"].enumerated() {
            var quality = RankingQuality()
            quality.recall20 = 1 - Double(index) / 8
            report.quality[name] = quality
            report.wholeQuality[name] = quality
        }
        report.partitions = [PartitionStatus(topic: "events", partition: 0, position: 1, committed: 1, lagRecords: 12)]
        return report
    }

    private func text(_ report: StatusReport) -> DemoText {
        DemoText(report: report, rate: 39_500.4, p99: .infinity, sent: 2_000_000)
    }

    @Test(arguments: [1, 20, 40, 79, 80, 120, 300]) func noLineIsLongerThanTheTerminal(width: Int) throws {
        let lines = text(report()).block(width: width, height: 100)
        #expect(lines.allSatisfy { $0.count <= width && !$0.contains("\n") }, "\(lines)")
        guard width >= 40 else { return }
        // Nothing that matters is cut off: facts that do not fit go to lines of their own.
        let all = lines.joined(separator: " ")
        for fact in ["1234567 of 2000000 sent", "39500 events/s", "lag 12", "p99 now over ten seconds", "1000000 users", "knn+rules 0.500"] {
            #expect(all.contains(fact), "\(fact) at \(width)")
        }
        if width >= 79 { #expect(lines.contains { $0.hasPrefix("recall@20  ensemble  1.000 now, 1.000 since the start  █") }) }
        #expect(text(report()).summary(width: width).split(separator: "\n").allSatisfy { $0.count <= width })
    }

    /// A block that is higher than the terminal could not be drawn over.
    @Test(arguments: [1, 3, 9, 24]) func theBlockIsNotHigherThanTheTerminal(height: Int) {
        #expect(text(report()).block(width: 80, height: height).count <= height)
    }

    @Test func aLagThatNobodyKnowsIsNotNone() {
        var report = report()
        #expect(report.lagText == "12")
        report.partitions.append(PartitionStatus(topic: "events", partition: 1, position: 1, committed: 1, lagRecords: nil))
        #expect(report.lagText == "unknown" && text(report).line.hasSuffix("lag unknown"))
        report.partitions = []
        #expect(report.lagText == "unknown")
    }
}
