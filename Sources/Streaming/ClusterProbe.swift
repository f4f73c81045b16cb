internal import CRdKafka

/// Asks a cluster who it is, before anything is read from it or written to it.
public enum ClusterProbe {
    /// The topics that exist, with their numbers of partitions. None is created by asking.
    public static func topics(
        of configuration: KafkaConfiguration, timeout: Duration
    ) throws(StreamingError) -> [String: Int] {
        let client = try KafkaClient(
            RD_KAFKA_PRODUCER, properties: configuration.producerProperties, events: RD_KAFKA_EVENT_ERROR)
        var found: UnsafePointer<rd_kafka_metadata>?
        let code = unsafe rd_kafka_metadata(client.handle, 1, nil, &found, timeout.milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata = unsafe found else {
            throw firstError(of: client) ?? StreamingError(code: code, detail: "asking \(configuration.bootstrapServers)")
        }
        defer { unsafe rd_kafka_metadata_destroy(metadata) }
        var topics: [String: Int] = [:]
        for place in unsafe 0..<Int(metadata.pointee.topic_cnt) {
            let topic = unsafe metadata.pointee.topics[place]
            if unsafe topic.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                topics[unsafe String(cString: topic.topic)] = unsafe Int(topic.partition_cnt)
            }
        }
        return topics
    }

    /// What the client itself says was wrong: a time-out alone does not tell a wrong password from a
    /// wrong address.
    private static func firstError(of client: borrowing KafkaClient) -> StreamingError? {
        let queue = unsafe rd_kafka_queue_get_main(client.handle)
        defer { unsafe rd_kafka_queue_destroy(queue) }
        while let event = unsafe rd_kafka_queue_poll(queue, 0) {
            defer { unsafe rd_kafka_event_destroy(event) }
            guard unsafe rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR else { continue }
            let detail = unsafe String(cString: rd_kafka_event_error_string(event))
            return unsafe StreamingError(code: rd_kafka_event_error(event), detail: detail)
        }
        return nil
    }
}
