internal import CRdKafka
internal import Events

/// Copies a librdkafka message into a value, once.
enum MessageReader {
    static func event(of message: UnsafePointer<rd_kafka_message_t>) -> ConsumerEvent {
        guard unsafe message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
            let place = unsafe partition(of: message)
            if let event = unsafe position(message.pointee.err, partition: place, offset: message.pointee.offset) {
                return event
            }
            let detail = unsafe rd_kafka_message_errstr(message).map { unsafe String(cString: $0) } ?? ""
            return unsafe .failure(StreamingError(code: message.pointee.err, detail: detail))
        }
        let place = unsafe partition(of: message)
        var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let milliseconds = unsafe rd_kafka_message_timestamp(message, &kind)
        let isTimed = kind != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && milliseconds >= 0
        return unsafe .record(
            KafkaRecord(
                source: RecordSource(topicPartition: place, offset: message.pointee.offset),
                timestamp: isTimed ? Timestamp(milliseconds: milliseconds) : nil,
                key: bytes(message.pointee.key, message.pointee.key_len),
                value: bytes(message.pointee.payload, message.pointee.len), headers: headers(of: message)))
    }

    /// The errors that say where reading stands.
    static func position(_ code: rd_kafka_resp_err_t, partition: TopicPartition, offset: Int64) -> ConsumerEvent? {
        switch code {
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: .outOfRange(partition)
        case RD_KAFKA_RESP_ERR__PARTITION_EOF: .endOfPartition(partition, offset: offset)
        default: nil
        }
    }

    private static func partition(of message: UnsafePointer<rd_kafka_message_t>) -> TopicPartition {
        unsafe TopicPartition(
            topic: String(cString: rd_kafka_topic_name(message.pointee.rkt)), partition: message.pointee.partition)
    }

    /// A null pointer is a null key or value; an empty one is empty.
    static func bytes(_ start: UnsafeRawPointer?, _ count: Int) -> [UInt8]? {
        guard let start = unsafe start else { return nil }
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    private static func headers(of message: UnsafePointer<rd_kafka_message_t>) -> [KafkaHeader] {
        var list: OpaquePointer?
        guard unsafe rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list = unsafe list
        else { return [] }
        var headers: [KafkaHeader] = []
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while unsafe rd_kafka_header_get_all(list, headers.count, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR {
            guard let text = unsafe name else { break }
            unsafe headers.append(KafkaHeader(name: String(cString: text), value: bytes(value, size)))
        }
        return headers
    }
}
