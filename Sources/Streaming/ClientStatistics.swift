public import Events
internal import Foundation

/// The few of librdkafka's statistics that the daemon acts on.
public struct ClientStatistics: Equatable, Sendable {
    /// Whether a connection to at least one broker is up.
    public var isConnected: Bool
    /// For each partition being read, the end of what a reader of committed records can read.
    public var highWatermarks: [TopicPartition: Int64]

    public init(isConnected: Bool, highWatermarks: [TopicPartition: Int64]) {
        self.isConnected = isConnected
        self.highWatermarks = highWatermarks
    }

    init?(json: [UInt8]) {
        // Statistics that do not decode are skipped: the next ones come in a second.
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(json)) else { return nil }
        isConnected = document.brokers.values.contains { $0.state == "UP" && $0.nodeid >= 0 }
        highWatermarks = [:]
        for (topic, figures) in document.topics {
            for (number, partition) in figures.partitions {
                let end = partition.ls_offset.map { $0 >= 0 ? min($0, partition.hi_offset) : partition.hi_offset } ?? partition.hi_offset
                guard let number = Int32(number), number >= 0, end >= 0 else { continue }
                highWatermarks[TopicPartition(topic: topic, partition: number)] = end
            }
        }
    }

    /// librdkafka's STATISTICS.md, the members that are read; the names are its own.
    private struct Document: Decodable {
        struct Broker: Decodable {
            var state: String
            var nodeid: Int32
        }
        struct Topic: Decodable {
            var partitions: [String: Partition]
        }
        struct Partition: Decodable {
            var hi_offset: Int64
            var ls_offset: Int64?
        }
        var brokers: [String: Broker]
        var topics: [String: Topic]
    }
}
