public import Events

/// A header of a record: a name, and bytes or nothing.
public struct KafkaHeader: Equatable, Sendable {
    public var name: String
    public var value: [UInt8]?

    public init(name: String, value: [UInt8]?) {
        self.name = name
        self.value = value
    }

    public init(name: String, text: String) {
        self.init(name: name, value: Array(text.utf8))
    }
}

/// A record as it was read. A null value is a tombstone, and normal.
public struct KafkaRecord: Equatable, Sendable {
    public var source: RecordSource
    public var timestamp: Timestamp?
    public var key: [UInt8]?
    public var value: [UInt8]?
    public var headers: [KafkaHeader]

    public init(
        source: RecordSource, timestamp: Timestamp?, key: [UInt8]?, value: [UInt8]?, headers: [KafkaHeader]
    ) {
        self.source = source
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// A record to be written.
public struct OutgoingRecord: Equatable, Sendable {
    public var topic: String
    /// nil for the partition that the key asks for.
    public var partition: Int32?
    public var key: [UInt8]?
    public var value: [UInt8]?
    public var headers: [KafkaHeader]

    public init(topic: String, key: [UInt8]?, value: [UInt8]?, headers: [KafkaHeader] = []) {
        self.topic = topic
        self.key = key
        self.value = value
        self.headers = headers
    }
}

extension OutgoingRecord {
    /// A record that cannot be used, for the dead-letter topic: key, value and headers byte for byte,
    /// with Kafka Connect's headers that say where it was and why it is here.
    public static func deadLetter(
        _ record: KafkaRecord, topic: String, stage: String, reason: String, message: String
    ) -> OutgoingRecord {
        let place = record.source
        return OutgoingRecord(
            topic: topic, key: record.key, value: record.value,
            headers: record.headers + [
                KafkaHeader(name: "__connect.errors.topic", text: place.topicPartition.topic),
                KafkaHeader(name: "__connect.errors.partition", text: String(place.topicPartition.partition)),
                KafkaHeader(name: "__connect.errors.offset", text: String(place.offset)),
                KafkaHeader(name: "__connect.errors.stage", text: stage),
                KafkaHeader(name: "__connect.errors.exception.class.name", text: reason),
                KafkaHeader(name: "__connect.errors.exception.message", text: message),
            ])
    }
}
