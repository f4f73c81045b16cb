public import Events
internal import Foundation

/// A record that was read, as it can be recognized: by Kafka's time of it.
public struct PartitionMark: Equatable, Sendable {
    public var offset: Int64
    public var timestamp: Timestamp

    public init(offset: Int64, timestamp: Timestamp) {
        self.offset = offset
        self.timestamp = timestamp
    }
}

/// The newest record of each partition that was read: part of every checkpoint, beside the engine's own blobs.
public enum PartitionMarks {
    /// The blob's name.
    public static let name = "partition_marks"

    private struct Stored: Codable {
        var topic: String
        var partition: Int32
        var offset: Int64
        var timestamp: Int64
    }

    static func encode(_ marks: [TopicPartition: PartitionMark]) -> [UInt8] {
        let stored = marks.sorted { ($0.key.topic, $0.key.partition) < ($1.key.topic, $1.key.partition) }.map { partition, mark in
            Stored(
                topic: partition.topic, partition: partition.partition, offset: mark.offset,
                timestamp: mark.timestamp.milliseconds)
        }
        // Strings and integers always encode.
        return (try? Array(JSONEncoder().encode(stored))) ?? []
    }

    /// - Parameter blob: nil, or what an older version or nobody wrote, is no marks: nothing is verified then.
    public static func decode(_ blob: [UInt8]?) -> [TopicPartition: PartitionMark] {
        guard let blob, let stored = try? JSONDecoder().decode([Stored].self, from: Data(blob)) else { return [:] }
        let marks = stored.map { entry in
            (
                TopicPartition(topic: entry.topic, partition: entry.partition),
                PartitionMark(offset: entry.offset, timestamp: Timestamp(milliseconds: entry.timestamp))
            )
        }
        return Dictionary(marks, uniquingKeysWith: { $1 })
    }
}
