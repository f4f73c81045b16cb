import Testing

@testable import Telemetry

@Suite struct TelemetryTests {
    @Test func quantilesAreWithinOnePercentAndBucketsAddUp() {
        var histogram = LatencyHistogram()
        #expect(histogram.summary() == LatencySummary())
        for microseconds in 1...1000 { histogram.record(.microseconds(microseconds)) }
        histogram.record(.seconds(-5))
        histogram.record(.seconds(1_000_000))
        let summary = histogram.summary()
        #expect(summary.count == 1002)
        #expect(abs(summary.p50Seconds - 0.0005) < 0.00001)
        #expect(abs(summary.p99Seconds - 0.00099) < 0.00002)
        let bounds = LatencySummary.bucketBounds
        #expect(bounds == bounds.sorted())
        #expect(summary.cumulativeBuckets == summary.cumulativeBuckets.sorted())
        for (bound, count) in zip(bounds, summary.cumulativeBuckets) {
            // The negative time counts as none.
            #expect(count == UInt64(min(1000, (bound * 1e6).rounded())) + 1, "up to \(bound)")
        }
    }

    @Test func quantilesOfWhatCameSinceForgetWhatCameBefore() {
        var histogram = LatencyHistogram()
        for _ in 0..<50 { histogram.record(.milliseconds(700)) }
        let start = histogram.summary()
        #expect(start.quantile(0.99, since: LatencySummary()) == 1)
        #expect(start.quantile(0.5, since: start) == nil)
        for _ in 0..<99 { histogram.record(.microseconds(1800)) }
        #expect(histogram.summary().quantile(0.99, since: start) == 0.002)
        histogram.record(.seconds(11))
        let steady = histogram.summary()
        // The slowest of a hundred is beyond the hundredth part, and beyond the last bucket.
        #expect(steady.quantile(0.99, since: start) == 0.002)
        #expect(steady.quantile(1, since: start) == .infinity)
    }

    @Test func metricsAreWellFormed() {
        var report = StatusReport()
        report.events.accepted = 12
        report.deadLetters = ["not_json": 3, "odd\"\\\n": 1]
        report.consumerLagSeconds = 0.5
        report.quality["gru"] = RankingQuality()
        report.quality["popular"] = RankingQuality()
        report.partitionsWaitingForDisk = 2
        report.partitions = [PartitionStatus(topic: "events", partition: 1, position: 5, committed: 4, lagRecords: 7)]
        let text = PrometheusText(report, process: ProcessFigures.current()).text
        var types: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3)
            if words[0] == "#" {
                if words[1] == "TYPE" {
                    #expect(types[String(words[2])] == nil, "\(words[2]) twice")
                    types[String(words[2])] = String(words[3])
                }
                continue
            }
            let name = String(line.prefix { $0 != "{" && $0 != " " })
            let family = ["_bucket", "_sum", "_count"].reduce(name) { base, suffix in
                base.hasSuffix(suffix) && types[String(base.dropLast(suffix.count))] == "histogram" ? String(base.dropLast(suffix.count)) : base
            }
            #expect(types[family] != nil, "\(name) has no type")
            #expect(Double(line.split(separator: " ").last ?? "") != nil, "\(line)")
        }
        for name in [
            "freshet_events_total", "freshet_dead_letters_total", "freshet_recommendations_published_total",
            "freshet_event_to_publish_seconds", "freshet_recommend_seconds", "freshet_train_seconds",
            "freshet_training_steps_total", "freshet_prequential_recall", "freshet_prequential_mrr",
            "freshet_prequential_ndcg", "freshet_consumer_lag_records", "freshet_consumer_lag_seconds",
            "freshet_model_version", "freshet_items", "freshet_users", "freshet_checkpoints_total", "freshet_build_info",
            "process_resident_memory_bytes", "process_cpu_seconds_total",
        ] { #expect(types[name] != nil, "\(name) is missing") }
        #expect(text.contains(#"freshet_events_total{result="accepted"} 12.0"#))
        #expect(text.contains(#"freshet_dead_letters_total{reason="odd\"\\\n"} 1.0"#))
        #expect(text.contains(#"freshet_consumer_lag_records{partition="1",topic="events"} 7.0"#))
        #expect(text.contains(#"freshet_prequential_recall{k="20",model="popular"}"#))
        #expect(text.contains("\nfreshet_partitions_waiting_for_disk 2.0\n"))
    }

    @Test func aProcessKnowsItself() {
        let figures = ProcessFigures.current()
        #expect(figures.residentBytes > 1 << 20)
        #expect(figures.virtualBytes >= figures.residentBytes)
        #expect(figures.openFiles >= 3)
        #expect(figures.cpuSeconds > 0)
    }
}
