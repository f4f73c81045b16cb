import Glibc
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
        let health = HealthReport(
            isLive: true,
            checks: [.init(name: "kafka", passed: true, detail: ""), .init(name: "partitions", passed: false, detail: "")])
        let text = PrometheusText(report, health: health, process: ProcessFigures.current()).text
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
            "freshet_live", "freshet_ready", "freshet_check_passed", "freshet_kafka_connected",
            "process_resident_memory_bytes", "process_cpu_seconds_total", "process_virtual_memory_bytes",
            "process_virtual_memory_max_bytes", "process_open_fds", "process_threads", "process_start_time_seconds",
        ] { #expect(types[name] != nil, "\(name) is missing") }
        #expect(text.contains(#"freshet_events_total{result="accepted"} 12.0"#))
        #expect(text.contains(#"freshet_dead_letters_total{reason="odd\"\\\n"} 1.0"#))
        #expect(text.contains(#"freshet_consumer_lag_records{partition="1",topic="events"} 7.0"#))
        #expect(text.contains(#"freshet_prequential_recall{k="20",model="popular"}"#))
        #expect(text.contains("\nfreshet_live 1.0\n") && text.contains("\nfreshet_ready 0.0\n"))
        #expect(text.contains("\nfreshet_kafka_connected 1.0\n"))
        #expect(text.contains(#"freshet_check_passed{check="partitions"} 0.0"#))
        #expect(text.contains("\nfreshet_partitions_waiting_for_disk 2.0\n"))
    }

    @Test func aProcessKnowsItself() {
        let figures = ProcessFigures.current()
        #expect(figures.residentBytes > 1 << 20)
        #expect(figures.virtualBytes >= figures.residentBytes)
        #expect(figures.openFiles >= 3)
        #expect(figures.cpuSeconds > 0)
        #expect(figures.threads >= 1)
        // The system's own word on how many pages are resident, in pages of its own size.
        #expect(figures.residentBytes.isMultiple(of: UInt64(sysconf(Int32(_SC_PAGESIZE)))))
        var limit = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        #expect(figures.openFilesMax == (limit.rlim_cur == rlim_t.max ? nil : UInt64(limit.rlim_cur)))
        // The tests have run for less than an hour, and started before now.
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        #expect((0..<3600).contains(Double(now.tv_sec) + 1 - figures.startSeconds))
        #expect(figures.startSeconds == ProcessFigures.current().startSeconds)
    }
}
