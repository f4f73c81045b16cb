internal import CRdKafka

/// Creates topics by Kafka's admin requests, and waits until each has its leaders: what is written to one or read from
/// it at once finds it there.
public enum TopicCreation {
    /// - Parameters:
    ///   - topics: names, and the `cleanup.policy` of each.
    ///   - replicas: copies of each partition, at most as many as there are brokers.
    /// - Throws: also where one exists already.
    public static func create(
        _ topics: [String: String], partitions: Int, replicas: Int, by configuration: KafkaConfiguration, timeout: Duration
    ) throws(StreamingError) {
        let client = try KafkaClient(
            RD_KAFKA_PRODUCER, properties: configuration.producerProperties, events: RD_KAFKA_EVENT_ERROR)
        var new: [OpaquePointer?] = unsafe []
        defer { for unsafe topic in unsafe new { unsafe rd_kafka_NewTopic_destroy(topic) } }
        for (name, policy) in topics {
            var reason = [CChar](repeating: 0, count: 512)
            guard let topic = unsafe rd_kafka_NewTopic_new(name, Int32(partitions), Int32(replicas), &reason, reason.count) else {
                throw .cannotStart(reason: KafkaClient.text(reason))
            }
            unsafe new.append(topic)
            let code = unsafe rd_kafka_NewTopic_set_config(topic, "cleanup.policy", policy)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw StreamingError(code: code, detail: "cleanup.policy of \(name)") }
        }
        try unsafe request(&new, client, timeout)
        try wait(for: topics.keys.sorted(), partitions, client, timeout)
    }

    private static func request(
        _ topics: inout [OpaquePointer?], _ client: borrowing KafkaClient, _ timeout: Duration
    ) throws(StreamingError) {
        let queue = unsafe rd_kafka_queue_new(client.handle)
        defer { unsafe rd_kafka_queue_destroy(queue) }
        let options = unsafe rd_kafka_AdminOptions_new(client.handle, RD_KAFKA_ADMIN_OP_CREATETOPICS)
        defer { unsafe rd_kafka_AdminOptions_destroy(options) }
        var reason = [CChar](repeating: 0, count: 512)
        // Until the controller is found, and until it has done it.
        unsafe rd_kafka_AdminOptions_set_request_timeout(options, timeout.milliseconds, &reason, reason.count)
        unsafe rd_kafka_AdminOptions_set_operation_timeout(options, timeout.milliseconds, &reason, reason.count)
        unsafe rd_kafka_CreateTopics(client.handle, &topics, topics.count, options, queue)
        guard let event = unsafe rd_kafka_queue_poll(queue, 2 * timeout.milliseconds) else {
            throw StreamingError(code: RD_KAFKA_RESP_ERR__TIMED_OUT, detail: "creating topics")
        }
        defer { unsafe rd_kafka_event_destroy(event) }
        let code = unsafe rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let result = unsafe rd_kafka_event_CreateTopics_result(event) else {
            throw unsafe StreamingError(code: code, detail: String(cString: rd_kafka_event_error_string(event)))
        }
        var count = 0
        let outcomes = unsafe rd_kafka_CreateTopics_result_topics(result, &count)
        for place in 0..<count {
            guard let outcome = unsafe outcomes?[place] else { continue }
            let code = unsafe rd_kafka_topic_result_error(outcome)
            guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
            let detail = unsafe rd_kafka_topic_result_error_string(outcome).map { unsafe String(cString: $0) }
            throw unsafe StreamingError(code: code, detail: "\(String(cString: rd_kafka_topic_result_name(outcome))): \(detail ?? "")")
        }
    }

    /// Asks until every partition has a leader.
    private static func wait(
        for names: [String], _ partitions: Int, _ client: borrowing KafkaClient, _ timeout: Duration
    ) throws(StreamingError) {
        let deadline = ContinuousClock.now + timeout
        var missing = names
        while !missing.isEmpty {
            guard ContinuousClock.now < deadline else {
                throw StreamingError(
                    code: RD_KAFKA_RESP_ERR__TIMED_OUT, detail: "waiting for leaders of \(missing.joined(separator: ", "))")
            }
            missing = missing.filter { !isLed($0, partitions, client) }
        }
    }

    private static func isLed(_ name: String, _ partitions: Int, _ client: borrowing KafkaClient) -> Bool {
        guard let handle = unsafe rd_kafka_topic_new(client.handle, name, nil) else { return false }
        defer { unsafe rd_kafka_topic_destroy(handle) }
        var found: UnsafePointer<rd_kafka_metadata>?
        guard unsafe rd_kafka_metadata(client.handle, 0, handle, &found, 1000) == RD_KAFKA_RESP_ERR_NO_ERROR,
            let metadata = unsafe found
        else { return false }
        defer { unsafe rd_kafka_metadata_destroy(metadata) }
        guard unsafe metadata.pointee.topic_cnt == 1 else { return false }
        let topic = unsafe metadata.pointee.topics[0]
        guard unsafe topic.err == RD_KAFKA_RESP_ERR_NO_ERROR, unsafe Int(topic.partition_cnt) == partitions else { return false }
        return (0..<partitions).allSatisfy { unsafe topic.partitions[$0].leader >= 0 }
    }
}
