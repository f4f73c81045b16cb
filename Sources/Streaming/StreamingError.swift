internal import CRdKafka

/// What went wrong on the way to or from Kafka.
public enum StreamingError: Error, Equatable, Sendable {
    /// librdkafka does not take a property.
    case invalidProperty(name: String, reason: String)
    /// A client could not be made.
    case cannotStart(reason: String)
    /// The producer's queue is full: deliver first, then send again.
    case queueFull
    /// Kafka, or the way to it, reported an error.
    case kafka(name: String, detail: String, recovery: Recovery)

    /// What one place, the daemon, does about it.
    public enum Recovery: Equatable, Sendable {
        /// It passes by itself; go on.
        case retry
        /// A topic is not there: it passes where the topic may be created, and is as `stop` where not.
        case missingTopic
        /// This one record can never be written, others can: pass it over.
        case passOver
        /// This client is over; a new one goes on.
        case restart
        /// A newer producer has the transactional id, or the brokers gave the transaction up.
        case fenced
        /// It never passes: stop with exit code 69.
        case stop
        /// The configuration is wrong: stop with exit code 78.
        case reconfigure
    }

    /// Names the kind of error, whatever its detail.
    public var name: String {
        switch self {
        case .invalidProperty: "invalid property"
        case .cannotStart: "cannot start"
        case .queueFull: "queue full"
        case .kafka(let name, _, _): name
        }
    }

    public var recovery: Recovery {
        switch self {
        case .invalidProperty, .cannotStart: .reconfigure
        case .queueFull: .retry
        case .kafka(_, _, let recovery): recovery
        }
    }
}

extension StreamingError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalidProperty(let name, let reason):
            "kafka.properties: \(name) is refused: \(reason)"
        case .cannotStart(let reason):
            "no Kafka client can be made of this configuration: \(reason)"
        case .queueFull:
            "the queue of records on their way to Kafka is full"
        case .kafka(let name, let detail, _):
            detail.isEmpty ? "Kafka: \(name)" : "Kafka: \(name): \(detail)"
        }
    }
}

extension StreamingError {
    /// The same error with another recovery.
    func with(_ recovery: Recovery) -> StreamingError {
        guard case .kafka(let name, let detail, _) = self else { return self }
        return .kafka(name: name, detail: detail, recovery: recovery)
    }

    /// - Parameter detail: librdkafka's own sentence; it names hosts and topics, never secrets.
    init(code: rd_kafka_resp_err_t, detail: String) {
        let name = unsafe String(cString: rd_kafka_err2str(code))
        self = .kafka(name: name, detail: detail == name ? "" : detail, recovery: Self.recovery(of: code))
    }

    private static func recovery(of code: rd_kafka_resp_err_t) -> Recovery {
        switch code {
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
            .stop
        case RD_KAFKA_RESP_ERR__FATAL:
            .restart
        case RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
            .fenced
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
            .missingTopic
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
            RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, RD_KAFKA_RESP_ERR_INVALID_RECORD:
            .passOver
        default:
            .retry
        }
    }
}
