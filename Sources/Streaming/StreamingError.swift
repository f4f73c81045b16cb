internal import CRdKafka
public import Events

/// What went wrong on the way to or from Kafka.
public enum StreamingError: Error, Equatable, Sendable {
    /// librdkafka does not take a property.
    case invalidProperty(name: String, reason: String)
    /// A client could not be made of this configuration.
    case cannotStart(reason: String)
    /// The system has no memory, threads or descriptors left for a client.
    case noResources(reason: String)
    /// The producer's queue is full: deliver first, then send again.
    case queueFull
    /// Kafka, or the way to it, reported an error.
    case kafka(name: String, detail: String, recovery: Recovery)

    public typealias Recovery = Events.Recovery

    /// Names the kind of error, whatever its detail.
    public var name: String {
        switch self {
        case .invalidProperty: "invalid property"
        case .cannotStart: "cannot start"
        case .noResources: "no resources"
        case .queueFull: "queue full"
        case .kafka(let name, _, _): name
        }
    }

    public var recovery: Recovery {
        switch self {
        case .invalidProperty, .cannotStart: .reconfigure
        case .noResources: .restart
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
        case .noResources(let reason):
            "the system has not enough left for a Kafka client (\(reason)): raise the limits of memory, threads or open files"
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
        self = .kafka(name: name, detail: detail == name ? "" : detail, recovery: ErrorPolicy.recovery(of: code))
    }
}

extension Recovery {
    /// What `Delivery` and `Simulation` call the same.
    public static var passOver: Recovery { .skipRecord }
    public static var stop: Recovery { .operator }
}
