internal import CRdKafka

/// A Kafka cluster inside this process: librdkafka's mock, on loopback, for the demo and for tests.
/// Other programs can connect to it. It forgets everything when it ends, and keeps no transactions.
@safe public final class EmbeddedBroker {
    private let cluster: OpaquePointer
    private let client: KafkaClient
    public let bootstrapServers: String

    public init(brokers: Int) throws(StreamingError) {
        client = try KafkaClient(
            RD_KAFKA_PRODUCER, properties: ["client.id": "embedded-broker", "log_level": "0"], events: RD_KAFKA_EVENT_ERROR)
        guard let made = unsafe rd_kafka_mock_cluster_new(client.handle, Int32(brokers)),
            let address = unsafe rd_kafka_mock_cluster_bootstraps(made)
        else { throw .cannotStart(reason: "the embedded broker finds no free port on loopback") }
        unsafe cluster = made
        bootstrapServers = unsafe String(cString: address)
    }

    deinit {
        // The cluster goes before the client that owns its threads: the other way round asserts.
        unsafe rd_kafka_mock_cluster_destroy(cluster)
    }

    public func createTopic(_ name: String, partitions: Int) throws(StreamingError) {
        let code = unsafe rd_kafka_mock_topic_create(cluster, name, Int32(partitions), 1)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw StreamingError(code: code, detail: name) }
    }

    /// Takes a broker down, or up again, for tests of lost connections.
    public func setBroker(_ number: Int, isUp: Bool) {
        if isUp {
            unsafe rd_kafka_mock_broker_set_up(cluster, Int32(number))
        } else {
            unsafe rd_kafka_mock_broker_set_down(cluster, Int32(number))
        }
    }
}
