internal import CRdKafka
internal import Events
internal import Glibc

/// Which properties of librdkafka the configuration may name. A few carry what Freshet promises, or have keys of their
/// own: they are refused by name, so that nobody believes to have set them.
enum PropertyPolicy {
    /// Each with what to do instead.
    static let reserved: [String: String] = [
        "bootstrap.servers": "set kafka.bootstrap_servers", "metadata.broker.list": "set kafka.bootstrap_servers",
        "group.id": "set kafka.group_id", "client.id": "set kafka.client_id",
        "transactional.id": "set kafka.transactional_id", "allow.auto.create.topics": "set topics.create",
        "enable.auto.commit": offsets, "auto.commit.enable": offsets, "enable.auto.offset.store": offsets,
        "offset.store.method": offsets, "offset.store.path": offsets,
        "enable.idempotence": duplicates, "acks": acknowledged, "request.required.acks": acknowledged,
        "delivery.report.only.error": acknowledged, "retries": duplicates, "message.send.max.retries": duplicates,
        "isolation.level": "only what was committed is read: set at its source what a transaction is",
        "partition.assignment.strategy": "partitions move one by one, with cooperative-sticky",
        "partitioner": "lists lie where the Java client puts their keys, by murmur2",
        "enable.partition.eof": "lag is counted by it", "statistics.interval.ms": "lag and readiness are counted by it",
        "log.queue": "what librdkafka logs would go nowhere", "test.mock.num.brokers": "it puts brokers in the place of yours",
    ]

    private static let offsets = "offsets are committed once what they stand for is acknowledged"
    private static let duplicates = "each list is written once: producers are idempotent, and try until the brokers have it"
    private static let acknowledged = "a list counts as written once every replica in sync has it"

    /// What librdkafka says of one property.
    ///
    /// - Returns: what is wrong, without the value; nil for nothing.
    static func problem(_ name: String, value: String) -> String? {
        if let instead = reserved[name] { return "is Freshet's own: \(instead)" }
        guard let scratch = unsafe rd_kafka_conf_new() else { return nil }
        defer { unsafe rd_kafka_conf_destroy(scratch) }
        var reason = [CChar](repeating: 0, count: 512)
        switch unsafe rd_kafka_conf_set(scratch, name, value, &reason, reason.count) {
        case RD_KAFKA_CONF_OK: return nil
        case RD_KAFKA_CONF_UNKNOWN:
            let hint = EditDistance.nearest(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
            return "is no property of librdkafka \(version)\(hint)"
        default: return Redaction.clean(KafkaClient.text(reason), about: name, value: value)
        }
    }

    static func isKnown(_ name: String) -> Bool { names.contains(name) }

    private static var version: String { unsafe String(cString: rd_kafka_version_str()) }

    /// Every property that this librdkafka knows, other names of the same among them: the first column of the table that
    /// it prints of itself.
    private static var names: [String] {
        var start: UnsafeMutablePointer<CChar>?
        var size = 0
        guard let stream = unsafe open_memstream(&start, &size) else { return [] }
        unsafe rd_kafka_conf_properties_show(stream)
        unsafe fclose(stream)
        defer { unsafe free(start) }
        guard let text = unsafe start else { return [] }
        return unsafe String(cString: text).split(separator: "\n").compactMap { line in
            let name = line.prefix { $0 != "|" }.filter { $0 != " " }
            return name.contains("-") || name.isEmpty || !line.contains("|") ? nil : String(name)
        }
    }
}

extension KafkaConfiguration {
    /// Everything that is wrong with the properties, without any value, in the order of their names; the name is nil for
    /// what is wrong with several together. Nobody is connected to.
    public func propertyProblems() -> [(name: String?, reason: String)] {
        let single = properties.sorted { $0.key < $1.key }.compactMap { name, value in
            PropertyPolicy.problem(name, value: value).map { (name: String?.some(name), reason: $0) }
        }
        return single.isEmpty ? combinedProblems() : single
    }

    /// librdkafka looks at properties together where it makes a client, which has nobody to connect to here. Kerberos
    /// and OAuth begin work of their own then: they are left to the start.
    private func combinedProblems() -> [(name: String?, reason: String)] {
        let mechanism = properties["sasl.mechanism"] ?? properties["sasl.mechanisms"] ?? "GSSAPI"
        let isSASL = properties["security.protocol"]?.lowercased().hasPrefix("sasl") ?? false
        if isSASL, ["GSSAPI", "OAUTHBEARER"].contains(mechanism.uppercased()) { return [] }
        for (type, all) in [(RD_KAFKA_CONSUMER, consumerProperties), (RD_KAFKA_PRODUCER, producerProperties)] {
            var alone = all
            alone["bootstrap.servers"] = nil
            do throws(StreamingError) {
                _ = try KafkaClient(type, properties: alone, events: RD_KAFKA_EVENT_ERROR)
            } catch {
                switch error {
                case .cannotStart(let reason): return [(nil, reason)]
                case .invalidProperty(let name, let reason): return [(name, reason)]
                default: continue
                }
            }
        }
        return []
    }
}
