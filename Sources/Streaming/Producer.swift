internal import CRdKafka
internal import Events

/// What became of a record that was sent.
public struct DeliveryReport: Sendable {
    /// The token that the record was sent with.
    public var token: UInt
    /// nil where the brokers have it.
    public var failure: StreamingError?

    public init(token: UInt, failure: StreamingError?) {
        self.token = token
        self.failure = failure
    }
}

/// Writes records, idempotently: each is on the brokers once, or is reported as failed. Used by one
/// thread.
@safe public final class Producer {
    private(set) var client: KafkaClient
    /// The offsets of the open transaction, where they are on their way.
    var offsetsCall: OffsetsCall?
    private let queue: OpaquePointer
    private let wakeup: Wakeup?
    /// Held so that their leaders are known before the first record: looking them up takes a second.
    private let topics: [OpaquePointer]

    /// - Parameters:
    ///   - topics: where records will go.
    ///   - wakeup: is rung when there are reports.
    public init(
        _ configuration: KafkaConfiguration, topics names: [String], wakeup: Wakeup? = nil
    ) throws(StreamingError) {
        self.wakeup = wakeup
        client = try KafkaClient(
            RD_KAFKA_PRODUCER, properties: configuration.producerProperties,
            events: RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS)
        unsafe queue = rd_kafka_queue_get_main(client.handle)
        unsafe wakeup?.watch(queue)
        var topics: [OpaquePointer] = unsafe []
        for name in names {
            if let topic = unsafe rd_kafka_topic_new(client.handle, name, nil) { unsafe topics.append(topic) }
        }
        unsafe self.topics = topics
    }

    deinit {
        // A call that nobody can end uses the client until the brokers answer: what is in use is not destroyed.
        client.isLeft = offsetsCall?.isUnderWay ?? false
        for unsafe topic in unsafe topics { unsafe rd_kafka_topic_destroy(topic) }
        unsafe wakeup?.unwatch(queue)
        unsafe rd_kafka_queue_destroy(queue)
    }

    /// Hands a record over; what became of it comes with `token` in a delivery report.
    ///
    /// - Throws: `StreamingError.queueFull` where deliveries must be polled first.
    public func send(_ record: OutgoingRecord, token: UInt) throws(StreamingError) {
        var arguments: [rd_kafka_vu_t] = unsafe []
        let error: OpaquePointer? = unsafe record.topic.withCString { topic in
            unsafe withBytes(record.key) { key, keyCount in
                unsafe withBytes(record.value) { value, valueCount in
                    unsafe arguments.append(Self.argument(RD_KAFKA_VTYPE_TOPIC) { unsafe $0.u.cstr = topic })
                    unsafe arguments.append(
                        Self.argument(RD_KAFKA_VTYPE_MSGFLAGS) { unsafe $0.u.i = Int32(RD_KAFKA_MSG_F_COPY) })
                    unsafe arguments.append(
                        Self.argument(RD_KAFKA_VTYPE_OPAQUE) { unsafe $0.u.ptr = UnsafeMutableRawPointer(bitPattern: token) })
                    unsafe arguments.append(
                        Self.argument(RD_KAFKA_VTYPE_PARTITION) { unsafe $0.u.i32 = record.partition ?? RD_KAFKA_PARTITION_UA })
                    unsafe arguments.append(
                        Self.argument(RD_KAFKA_VTYPE_KEY) { unsafe $0.u.mem.ptr = key; unsafe $0.u.mem.size = keyCount })
                    unsafe arguments.append(
                        Self.argument(RD_KAFKA_VTYPE_VALUE) { unsafe $0.u.mem.ptr = value; unsafe $0.u.mem.size = valueCount })
                    return unsafe send(record.headers[...], &arguments)
                }
            }
        }
        guard let error = unsafe error else { return }
        let code = unsafe rd_kafka_error_code(error)
        let detail = unsafe String(cString: rd_kafka_error_string(error))
        unsafe rd_kafka_error_destroy(error)
        throw code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? .queueFull : failure(code, detail: detail)
    }

    /// After a fatal error every call fails, with `_FATAL` or with the code of that error, which by itself might pass:
    /// whether there was one is asked for (rdkafka.h, `rd_kafka_fatal_error`).
    private func failure(_ code: rd_kafka_resp_err_t, detail: String) -> StreamingError {
        var reason = [CChar](repeating: 0, count: 512)
        let cause = unsafe rd_kafka_fatal_error(client.handle, &reason, reason.count)
        guard cause != RD_KAFKA_RESP_ERR_NO_ERROR else { return StreamingError(code: code, detail: detail) }
        let error = StreamingError(code: cause, detail: KafkaClient.text(reason))
        // Whatever it was, this producer is over: what would be tried again is tried by a new one.
        return [.retry, .missingTopic, .skipRecord, .abortTransaction].contains(error.recovery) ? error.with(.restart) : error
    }

    /// Appends the reports that are there; waits at most `timeout` for the first.
    public func poll(into reports: inout [DeliveryReport], timeout: Duration) {
        var wait = timeout.milliseconds
        for _ in 0..<Self.eventsMax {
            guard let event = unsafe rd_kafka_queue_poll(queue, wait) else { return }
            if unsafe rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR {
                while let message = unsafe rd_kafka_event_message_next(event) {
                    let code = unsafe message.pointee.err
                    let failure = code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : failure(code, detail: "delivery")
                    let report = unsafe DeliveryReport(token: UInt(bitPattern: message.pointee._private), failure: failure)
                    reports.append(report)
                }
            }
            unsafe rd_kafka_event_destroy(event)
            wait = 0
        }
    }

    /// Records handed over and not reported yet.
    public var inFlight: Int { Int(unsafe rd_kafka_outq_len(client.handle)) }

    /// Most events taken in one poll.
    private static let eventsMax = 1000

    /// Adds the headers one by one, each alive while the next is added, then sends.
    private func send(_ headers: ArraySlice<KafkaHeader>, _ arguments: inout [rd_kafka_vu_t]) -> OpaquePointer? {
        guard let header = headers.first else {
            return unsafe rd_kafka_produceva(client.handle, &arguments, arguments.count)
        }
        return unsafe header.name.withCString { name in
            unsafe withBytes(header.value) { value, count in
                unsafe arguments.append(
                    Self.argument(RD_KAFKA_VTYPE_HEADER) {
                        unsafe $0.u.header.name = name
                        unsafe $0.u.header.val = UnsafeRawPointer(value)
                        unsafe $0.u.header.size = count
                    })
                return unsafe send(headers.dropFirst(), &arguments)
            }
        }
    }

    private static func argument(
        _ type: rd_kafka_vtype_t, _ fill: (inout rd_kafka_vu_t) -> Void
    ) -> rd_kafka_vu_t {
        var argument = unsafe rd_kafka_vu_t()
        unsafe argument.vtype = type
        unsafe fill(&argument)
        return unsafe argument
    }

    /// Null for nil; a pointer to nothing, but not null, for an empty array: Kafka tells them apart.
    private func withBytes<Result>(
        _ bytes: [UInt8]?, _ body: (UnsafeMutableRawPointer?, Int) -> Result
    ) -> Result {
        guard let bytes else { return body(nil, 0) }
        let source = bytes.isEmpty ? [0] : bytes
        return unsafe source.withUnsafeBytes { buffer in
            unsafe body(UnsafeMutableRawPointer(mutating: buffer.baseAddress), bytes.count)
        }
    }
}
