/// A status report in Prometheus' text format, version 0.0.4.
public struct PrometheusText: Sendable {
    public private(set) var text = ""

    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    public init(_ report: StatusReport, health: HealthReport, process: ProcessFigures) {
        appendHealth(health)
        appendStream(report)
        appendModel(report)
        appendState(report)
        appendProcess(process)
    }

    private mutating func appendHealth(_ health: HealthReport) {
        family("freshet_live", "gauge", "1 while the engine makes progress, as /livez says.")
        sample("freshet_live", [:], health.isLive ? 1 : 0)
        family("freshet_ready", "gauge", "1 while every check of /readyz passes.")
        sample("freshet_ready", [:], health.isReady ? 1 : 0)
        family("freshet_check_passed", "gauge", "1 for each check of /readyz that passes.")
        for check in health.checks { sample("freshet_check_passed", ["check": check.name], check.passed ? 1 : 0) }
        family("freshet_kafka_connected", "gauge", "1 while a broker is reached.")
        sample("freshet_kafka_connected", [:], health.checks.contains { $0.name == "kafka" && $0.passed } ? 1 : 0)
    }

    private mutating func appendStream(_ report: StatusReport) {
        family("freshet_events_total", "counter", "Events read, by what became of them.")
        sample("freshet_events_total", ["result": "accepted"], Double(report.events.accepted))
        sample("freshet_events_total", ["result": "duplicate"], Double(report.events.duplicate))
        sample("freshet_events_total", ["result": "rejected"], Double(report.events.rejected))
        family("freshet_dead_letters_total", "counter", "Records that could not be used, by reason.")
        for (reason, count) in report.deadLetters.sorted(by: { $0.key < $1.key }) {
            sample("freshet_dead_letters_total", ["reason": reason], Double(count))
        }
        family("freshet_recommendations_published_total", "counter", "Lists that the brokers acknowledged.")
        sample("freshet_recommendations_published_total", [:], Double(report.recommendationsPublished))
        family("freshet_undeliverable_total", "counter", "Records that the brokers will never take, passed over.")
        sample("freshet_undeliverable_total", [:], Double(report.undeliverable))
        family("freshet_lost_records_total", "counter", "Records that were gone before they were read: retention ran out.")
        sample("freshet_lost_records_total", [:], Double(report.lostRecords))
        family("freshet_restored_sessions_total", "counter", "Sessions read back from their changelog.")
        sample("freshet_restored_sessions_total", [:], Double(report.restoredSessions))
        family("freshet_kafka_transactions_total", "counter", "Kafka transactions, by how they ended.")
        sample("freshet_kafka_transactions_total", ["result": "aborted"], Double(report.transactionsAborted))
        sample("freshet_kafka_transactions_total", ["result": "committed"], Double(report.transactionsCommitted))
        histogram(
            "freshet_event_to_publish_seconds", "From poll of the event to acknowledgement of its list.",
            report.eventToPublish)
        histogram("freshet_recommend_seconds", "Making one list.", report.recommend)
        histogram("freshet_train_seconds", "Learning one event, with replay.", report.train)
        family("freshet_consumer_lag_records", "gauge", "Records not learned yet, by partition.")
        for place in report.partitions {
            guard let lag = place.lagRecords else { continue }
            sample(
                "freshet_consumer_lag_records", ["partition": String(place.partition), "topic": place.topic], Double(lag))
        }
        if let lag = report.consumerLagSeconds {
            family("freshet_consumer_lag_seconds", "gauge", "Age of the newest event that was learned, while behind.")
            sample("freshet_consumer_lag_seconds", [:], lag)
        }
    }

    private mutating func appendModel(_ report: StatusReport) {
        family("freshet_training_steps_total", "counter", "Training steps.")
        sample("freshet_training_steps_total", [:], Double(report.trainingSteps))
        family("freshet_model_rollbacks_total", "counter", "Returns of a model to its last good parameters, by reason.")
        for (model, counts) in report.rollbacks.sorted(by: { $0.key < $1.key }) {
            for (reason, count) in counts.sorted(by: { $0.key < $1.key }) {
                sample("freshet_model_rollbacks_total", ["model": model, "reason": reason], Double(count))
            }
        }
        family("freshet_model_version", "gauge", "Training steps behind the model in use.")
        sample("freshet_model_version", [:], Double(report.modelVersion))
        let models = report.quality.sorted { $0.key < $1.key }
        family("freshet_prequential_recall", "gauge", "Share of lists that had the next item, in the sliding window.")
        for (model, quality) in models {
            sample("freshet_prequential_recall", ["k": "10", "model": model], quality.recall10)
            sample("freshet_prequential_recall", ["k": "20", "model": model], quality.recall20)
        }
        family("freshet_prequential_mrr", "gauge", "Mean reciprocal rank of the next item, in the sliding window.")
        for (model, quality) in models { sample("freshet_prequential_mrr", ["k": "20", "model": model], quality.mrr20) }
        family("freshet_prequential_ndcg", "gauge", "NDCG of the next item, in the sliding window.")
        for (model, quality) in models {
            sample("freshet_prequential_ndcg", ["k": "10", "model": model], quality.ndcg10)
            sample("freshet_prequential_ndcg", ["k": "20", "model": model], quality.ndcg20)
        }
    }

    private mutating func appendState(_ report: StatusReport) {
        family("freshet_items", "gauge", "Items in the catalogue.")
        sample("freshet_items", [:], Double(report.items))
        family("freshet_users", "gauge", "Users with a kept session.")
        sample("freshet_users", [:], Double(report.users))
        if let age = report.checkpointAgeSeconds {
            family("freshet_checkpoint_age_seconds", "gauge", "Time since the last checkpoint.")
            sample("freshet_checkpoint_age_seconds", [:], age)
        }
        family("freshet_checkpoints_total", "counter", "Checkpoints, by result.")
        sample("freshet_checkpoints_total", ["result": "failed"], Double(report.checkpointsFailed))
        sample("freshet_checkpoints_total", ["result": "succeeded"], Double(report.checkpointsSucceeded))
        family(
            "freshet_partitions_waiting_for_disk", "gauge",
            "Partitions that are not read, for where reading begins cannot be written down: the disk is full.")
        sample("freshet_partitions_waiting_for_disk", [:], Double(report.partitionsWaitingForDisk))
        family("freshet_build_info", "gauge", "Version and CPU instruction set in use.")
        sample("freshet_build_info", ["isa": report.instructionSet, "version": report.version], 1)
    }

    private mutating func appendProcess(_ process: ProcessFigures) {
        family("process_cpu_seconds_total", "counter", "User and system CPU time.")
        sample("process_cpu_seconds_total", [:], process.cpuSeconds)
        family("process_resident_memory_bytes", "gauge", "Resident memory.")
        sample("process_resident_memory_bytes", [:], Double(process.residentBytes))
        family("process_virtual_memory_bytes", "gauge", "Virtual memory.")
        sample("process_virtual_memory_bytes", [:], Double(process.virtualBytes))
        family("process_open_fds", "gauge", "Open file descriptors.")
        sample("process_open_fds", [:], Double(process.openFiles))
        // Without a limit there is nothing to be below.
        if let limit = process.openFilesMax {
            family("process_max_fds", "gauge", "Open file descriptors at most.")
            sample("process_max_fds", [:], Double(limit))
        }
        family("process_virtual_memory_max_bytes", "gauge", "Virtual memory at most; -1 without a limit.")
        sample("process_virtual_memory_max_bytes", [:], process.virtualBytesMax.map(Double.init) ?? -1)
        family("process_threads", "gauge", "Threads.")
        sample("process_threads", [:], Double(process.threads))
        family("process_start_time_seconds", "gauge", "When the process started, since 1970.")
        sample("process_start_time_seconds", [:], process.startSeconds)
        family("process_network_receive_bytes_total", "counter", "Bytes received in the process's network namespace.")
        sample("process_network_receive_bytes_total", [:], Double(process.networkReceivedBytes))
        family("process_network_transmit_bytes_total", "counter", "Bytes sent in the process's network namespace.")
        sample("process_network_transmit_bytes_total", [:], Double(process.networkSentBytes))
    }

    private mutating func family(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func sample(_ name: String, _ labels: [String: String], _ value: Double) {
        text += name
        if !labels.isEmpty {
            let pairs = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }
            text += "{" + pairs.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    private mutating func histogram(_ name: String, _ help: String, _ summary: LatencySummary) {
        family(name, "histogram", help)
        for (bound, count) in zip(LatencySummary.bucketBounds, summary.cumulativeBuckets) {
            sample(name + "_bucket", ["le": "\(bound)"], Double(count))
        }
        sample(name + "_bucket", ["le": "+Inf"], Double(summary.count))
        sample(name + "_sum", [:], summary.sumSeconds)
        sample(name + "_count", [:], Double(summary.count))
    }

    /// Label values escape the backslash, the quote and the end of a line.
    private static func escaped(_ value: String) -> String {
        var result = ""
        for character in value {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
        return result
    }
}
