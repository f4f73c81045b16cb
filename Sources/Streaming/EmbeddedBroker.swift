internal import CRdKafka
internal import Glibc

/// A Kafka cluster inside this process: librdkafka's mock, on loopback, for the demo and for tests.
/// Other programs can connect to it. It forgets everything when it ends, and keeps no transactions.
@safe public final class EmbeddedBroker {
    let cluster: OpaquePointer
    private let client: KafkaClient
    public let bootstrapServers: String

    public init(brokers: Int) throws(StreamingError) {
        client = try KafkaClient(
            RD_KAFKA_PRODUCER, properties: ["client.id": "embedded-broker", "log_level": "0"], events: RD_KAFKA_EVENT_ERROR)
        guard let made = unsafe rd_kafka_mock_cluster_new(client.handle, Int32(brokers)),
            let address = unsafe rd_kafka_mock_cluster_bootstraps(made)
        else { throw .noResources(reason: "the embedded broker finds no free port on loopback") }
        unsafe cluster = made
        bootstrapServers = unsafe String(cString: address)
        for port in bootstrapServers.split(separator: ",").compactMap({ UInt16($0.split(separator: ":").last ?? "") }) {
            Self.answerAtOnce(port: port)
        }
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

    /// Says which broker coordinates a group, and which a transactional id.
    public func coordinate(group: String? = nil, transactionalID: String? = nil, by number: Int) {
        if let group { unsafe rd_kafka_mock_coordinator_set(cluster, "group", group, Int32(number)) }
        if let transactionalID { unsafe rd_kafka_mock_coordinator_set(cluster, "transaction", transactionalID, Int32(number)) }
    }

    /// Turns Nagle's algorithm off for the connections of a listening socket, which take it over from there. Real
    /// brokers do so themselves; the mock's second answer in a row would wait for the client to acknowledge the first,
    /// which a client with nothing to say puts off for tens of milliseconds.
    private static func answerAtOnce(port: UInt16) {
        for descriptor in 0..<descriptorsMax where listeningPort(descriptor) == port {
            var isOn: Int32 = 1
            unsafe setsockopt(
                descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout.size(ofValue: isOn)))
        }
    }

    /// The port on which a descriptor listens for IPv4 connections; nil where it does not.
    private static func listeningPort(_ descriptor: Int32) -> UInt16? {
        var isListening: Int32 = 0
        var size = socklen_t(MemoryLayout.size(ofValue: isListening))
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size) == 0, isListening != 0 else { return nil }
        var address = sockaddr_in()
        size = socklen_t(MemoryLayout.size(ofValue: address))
        let code = unsafe withUnsafeMutableBytes(of: &address) { bytes in
            unsafe getsockname(descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, &size)
        }
        guard code == 0, address.sin_family == sa_family_t(AF_INET) else { return nil }
        return UInt16(bigEndian: address.sin_port)
    }

    /// Descriptors that are looked at: a broker is made early in the life of a process.
    private static let descriptorsMax: Int32 = 1024
}
