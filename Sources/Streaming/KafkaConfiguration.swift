/// How a client reaches the cluster, and the properties of librdkafka that the user set beyond that.
public struct KafkaConfiguration: Sendable {
    public var bootstrapServers: String
    public var groupID: String
    public var clientID = "freshet"
    /// Whether a topic that does not exist may be created by asking for it, where the broker allows it.
    public var createsTopics = true
    /// The name under which transactions are made; nil for none. One producer at a time has it.
    public var transactionalID: String?
    /// Passed through as they are; they win over ours.
    public var properties: [String: String] = [:]

    public init(bootstrapServers: String, groupID: String) {
        self.bootstrapServers = bootstrapServers
        self.groupID = groupID
    }

    private var commonProperties: [String: String] {
        [
            "bootstrap.servers": bootstrapServers,
            "client.id": clientID,
            "statistics.interval.ms": "1000",
            // What goes wrong comes as events; librdkafka's own lines would say it again in another form.
            "log_level": "2",
            "log.connection.close": "false",
            // A broker that comes back is found within a second.
            "reconnect.backoff.max.ms": "1000",
            // A broker that stands still is given up after this: every request that is not answered, and so every wait,
            // ends. The default is a minute.
            "socket.timeout.ms": "10000",
            // Partitions that are added to a topic are found within half a minute; the default is five.
            "topic.metadata.refresh.interval.ms": "30000",
        ]
    }

    /// Whether a group without commits starts with what comes next.
    var startsAtEnd: Bool { ["latest", "largest", "end"].contains(properties["auto.offset.reset"]) }

    var consumerProperties: [String: String] {
        var all = commonProperties
        all["group.id"] = groupID
        all["enable.auto.commit"] = "false"
        all["enable.auto.offset.store"] = "false"
        all["partition.assignment.strategy"] = "cooperative-sticky"
        all["allow.auto.create.topics"] = createsTopics ? "true" : "false"
        // The queue is part of the memory promise; the default is 64 MiB.
        all["queued.max.messages.kbytes"] = "8192"
        // A member that died holds its partitions this long, and so does a daemon that was killed and started again; the
        // default is 45 seconds. Heartbeats come of a thread of their own: no long step is taken for a death.
        all["session.timeout.ms"] = "10000"
        all["fetch.wait.max.ms"] = "50"
        all.merge(properties.filter { !Self.producerOnly.contains($0.key) }) { _, theirs in theirs }
        // Records that are gone before they were read are an event, never passed over in silence.
        all["auto.offset.reset"] = "error"
        // Behind a transactional producer the end of a partition is a marker: without this it is never seen.
        all["enable.partition.eof"] = "true"
        return all
    }

    private static let producerOnly: Set<String> = ["transaction.timeout.ms"]
    private static let consumerOnly: Set<String> = [
        "session.timeout.ms", "fetch.wait.max.ms", "auto.offset.reset", "max.poll.interval.ms", "isolation.level",
    ]

    var producerProperties: [String: String] {
        var all = commonProperties
        all["enable.idempotence"] = "true"
        // Where the Java client would put the key, so that other programs find it there.
        all["partitioner"] = "murmur2_random"
        // librdkafka rounds up: half a millisecond was 1.1. The lists of a batch are handed over before its thread has
        // woken up, and go together all the same.
        all["linger.ms"] = "0"
        // A dead letter is as large as the record was: what is too large is the broker's to say.
        all["message.max.bytes"] = "50000000"
        all["queue.buffering.max.messages"] = "20000"
        all["queue.buffering.max.kbytes"] = "65536"
        if let transactionalID {
            all["transactional.id"] = transactionalID
            all["transaction.timeout.ms"] = String(transactionTimeout.milliseconds)
            // Not above the transaction's: a request that is answered later is answered for nothing.
            all["socket.timeout.ms"] = String(min(transactionTimeout, .seconds(10)).milliseconds)
        }
        return all.merging(properties.filter { !Self.consumerOnly.contains($0.key) }) { _, theirs in theirs }
    }

    /// How long the brokers wait for the end of a transaction: where an instance dies, readers of committed records see
    /// nothing behind its open transaction for as long. A commit takes milliseconds, and one is due ten times a second;
    /// where an outage takes longer, a new producer sends the same lists again. Brokers look for transactions that are
    /// over their time every ten seconds.
    public var transactionTimeout: Duration {
        properties["transaction.timeout.ms"].flatMap { Int($0) }.map { .milliseconds($0) } ?? .seconds(5)
    }
}
