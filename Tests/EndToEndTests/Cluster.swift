import Events
import Foundation
import Streaming

/// Where the suite runs: always the embedded broker, and a real one where FRESHET_TEST_BOOTSTRAP names it.
enum BrokerKind: Sendable {
    case embedded
    case real

    static let realServers = ProcessInfo.processInfo.environment["FRESHET_TEST_BOOTSTRAP"]
    static var available: [BrokerKind] { realServers == nil ? [.embedded] : [.embedded, .real] }
}

/// A broker with the topics, and the hands to use them. A real one may be slow, and may be restarted meanwhile: what
/// is asked of it is asked again for a while.
final class Cluster {
    /// nil where the broker is a real one.
    let broker: EmbeddedBroker?
    let bootstrapServers: String
    let stateDirectory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-e2e-\(UUID().uuidString)").path
    /// Before the names of topics and groups: a real broker keeps those of earlier runs.
    private let prefix: String
    private let producer: Producer
    private var reports: [DeliveryReport] = []

    /// How long a broker may be away, or take to answer.
    static let patience = Duration.seconds(120)

    init(_ kind: BrokerKind = .embedded, partitions: Int = 2) throws {
        switch kind {
        case .embedded:
            let embedded = try EmbeddedBroker(brokers: 1)
            for topic in ["events", "recommendations", "events.dlq", "sessions"] {
                try embedded.createTopic(topic, partitions: partitions)
            }
            broker = embedded
            prefix = ""
            bootstrapServers = embedded.bootstrapServers
        case .real:
            broker = nil
            prefix = "freshet-\(UUID().uuidString)-"
            bootstrapServers = BrokerKind.realServers ?? ""
            // Not left to whoever asks first: one topic would have another number of partitions than the next.
            try TopicCreation.create(
                [
                    prefix + "events": "delete", prefix + "recommendations": "compact", prefix + "events.dlq": "delete",
                    prefix + "sessions": "compact",
                ],
                partitions: partitions, replicas: 1,
                by: KafkaConfiguration(bootstrapServers: bootstrapServers, groupID: "test"), timeout: Self.patience)
        }
        producer = try Producer(
            KafkaConfiguration(bootstrapServers: bootstrapServers, groupID: "test"), topics: [prefix + "events"])
    }

    /// The name of a topic here.
    func topic(_ name: String) -> String { prefix + name }

    deinit {
        do { try FileManager.default.removeItem(atPath: stateDirectory) } catch {}
    }

    /// What `freshet run` needs to find this cluster. The embedded broker waits a session out at each
    /// rebalance, so that of the daemon is short.
    func arguments(port: Int, state: String? = nil, extra: [String] = []) -> [String] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("config/freshet.yaml").path
        let overrides = [
            "kafka.bootstrap_servers=\(bootstrapServers)", "kafka.group_id=\(prefix)freshet",
            "topics.events=\(topic("events"))", "topics.recommendations=\(topic("recommendations"))",
            "topics.dead_letters=\(topic("events.dlq"))", "kafka.properties.session.timeout.ms=6000",
            "kafka.properties.fetch.wait.max.ms=10", "state.directory=\(state ?? stateDirectory)",
            "state.checkpoint_interval=200ms", "http.listen=127.0.0.1:\(port)", "model.max_items=5000",
        ]
        return ["run", "--config", file] + (overrides + extra).flatMap { ["--set", $0] }
    }

    /// Sends to the events topic, and waits until the broker has all.
    func send(_ records: [(key: String?, value: [UInt8]?)]) throws {
        reports.removeAll()
        for record in records {
            try producer.send(OutgoingRecord(topic: topic("events"), key: record.key.map { Array($0.utf8) }, value: record.value), token: 1)
        }
        let deadline = ContinuousClock.now + Self.patience
        while reports.count < records.count, ContinuousClock.now < deadline {
            producer.poll(into: &reports, timeout: .milliseconds(100))
        }
        for report in reports { if let failure = report.failure { throw failure } }
        guard reports.count == records.count else { throw NotTaken(count: records.count - reports.count) }
    }

    /// The brokers did not take records.
    struct NotTaken: Error {
        var count: Int
    }

    func send(events: [(user: String, item: String)], from number: Int) throws {
        try send(events.enumerated().map { place, event in
            let value = #"{"user":"\#(event.user)","item":"\#(event.item)","timestamp":\#(1_767_225_600_000 + number + place)}"#
            return (event.user, Array(value.utf8))
        })
    }

    /// Everything in a topic, read outside of any group until `isEnough`, or `patience` is over.
    func read(_ name: String, until isEnough: ([KafkaRecord]) -> Bool) throws -> [KafkaRecord] {
        var kafka = KafkaConfiguration(bootstrapServers: bootstrapServers, groupID: "reader-\(UUID().uuidString)")
        kafka.properties = ["fetch.wait.max.ms": "10"]
        let reader = try Consumer(kafka, topics: [])
        let deadline = ContinuousClock.now + Self.patience
        var count = 0
        while count == 0, ContinuousClock.now < deadline {
            // A broker that is away is asked again.
            count = (try? reader.partitionCount(of: topic(name), timeout: .seconds(5))) ?? 0
        }
        let places = (0..<count).map { TopicPartition(topic: topic(name), partition: Int32($0)) }
        try reader.assign(Dictionary(uniqueKeysWithValues: places.map { ($0, 0) }))
        var records: [KafkaRecord] = []
        var events: [ConsumerEvent] = []
        while !isEnough(records), ContinuousClock.now < deadline {
            events.removeAll()
            reader.poll(into: &events, eventsMax: 1000, timeout: .milliseconds(100))
            for case .record(let record) in events { records.append(record) }
        }
        reader.close(timeout: .seconds(5))
        return records
    }
}

/// The list of a record of the output topic.
struct PublishedList: Decodable {
    struct Item: Decodable {
        var item: String
        var score: Double
    }
    struct Source: Decodable, Hashable {
        var topic: String
        var partition: Int
        var offset: Int64
    }
    struct Model: Decodable {
        var encoder: String
        var version: UInt64
    }
    var user: String
    var items: [Item]
    var as_of: Int64
    var generated_at: Int64
    var model: Model
    var source: Source
}
