internal import CRdKafka

/// One librdkafka handle, and the configuration that made it. The only owner of its pointer.
@safe struct KafkaClient: ~Copyable {
    let handle: OpaquePointer
    /// Whether the handle is left to the end of the process.
    var isLeft = false

    /// - Parameter events: librdkafka event types that are to be polled rather than called back.
    init(
        _ type: rd_kafka_type_t, properties: [String: String], events: Int32
    ) throws(StreamingError) {
        guard let configuration = unsafe rd_kafka_conf_new() else { throw .noResources(reason: "no memory") }
        for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
            var reason = [CChar](repeating: 0, count: 512)
            let outcome = unsafe rd_kafka_conf_set(configuration, name, value, &reason, reason.count)
            guard outcome == RD_KAFKA_CONF_OK else {
                unsafe rd_kafka_conf_destroy(configuration)
                throw .invalidProperty(name: name, reason: Redaction.clean(Self.text(reason), about: name, value: value))
            }
        }
        // Its log lines come as events, and are passed over: what they say comes as an error, too. On their own they
        // would go to standard error as they are.
        unsafe rd_kafka_conf_set(configuration, "log.queue", "true", nil, 0)
        unsafe rd_kafka_conf_set_events(configuration, events | RD_KAFKA_EVENT_LOG)
        var reason = [CChar](repeating: 0, count: 512)
        guard let made = unsafe rd_kafka_new(type, configuration, &reason, reason.count) else {
            let code = rd_kafka_last_error()
            // The handle takes the configuration over only where it could be made.
            unsafe rd_kafka_conf_destroy(configuration)
            let said = Redaction(properties).clean(Self.text(reason))
            throw code == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE ? .noResources(reason: said) : .cannotStart(reason: said)
        }
        unsafe handle = made
        unsafe rd_kafka_set_log_queue(made, nil)
    }

    deinit {
        if isLeft { return }
        // A consumer that is to leave its group has been closed before: here nothing waits for the brokers.
        unsafe rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
    }

    static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension Duration {
    /// Whole milliseconds, for librdkafka's time-outs.
    var milliseconds: Int32 {
        Int32(clamping: components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000)
    }
}
