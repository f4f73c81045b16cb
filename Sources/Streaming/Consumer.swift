internal import CRdKafka
public import Events

/// Reads topics as a member of a group. Everything happens in `poll`, on the thread that calls it: no
/// callback runs elsewhere, and decisions are the caller's.
///
/// Works from the start whether or not a broker is there; failures come as events.
@safe public final class Consumer: RecordConsumer {
    private(set) var client: KafkaClient
    private let queue: OpaquePointer
    private let wakeup: Wakeup?
    private var isClosed = false
    /// Whether it could not be closed in time.
    private var isAbandoned = false
    private let isMember: Bool
    /// Whether the group has ever answered with partitions, or with none.
    private var wasAssigned = false
    /// Whether a partition that the group never committed is read from its end.
    private let startsAtEnd: Bool

    /// - Parameters:
    ///   - topics: what to subscribe to; none for a reader of partitions outside of any group.
    ///   - wakeup: ends a wait in `poll`, also when it is rung for something else.
    public init(_ configuration: KafkaConfiguration, topics: [String], wakeup: Wakeup? = nil) throws(StreamingError) {
        self.wakeup = wakeup
        startsAtEnd = configuration.startsAtEnd
        isMember = !topics.isEmpty
        client = try KafkaClient(
            RD_KAFKA_CONSUMER,
            properties: configuration.consumerProperties,
            events: RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS
                | RD_KAFKA_EVENT_OFFSET_COMMIT)
        unsafe rd_kafka_poll_set_consumer(client.handle)
        unsafe queue = rd_kafka_queue_get_consumer(client.handle)
        unsafe wakeup?.watch(queue)
        guard !topics.isEmpty else { return }
        let list = PartitionList(topics.map { (TopicPartition(topic: $0, partition: -1), -1) })
        let code = unsafe rd_kafka_subscribe(client.handle, list.list)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw StreamingError(code: code, detail: "") }
    }

    deinit {
        unsafe wakeup?.unwatch(queue)
        unsafe rd_kafka_queue_destroy(queue)
        // librdkafka before 2.3 aborts the process where a member goes between joining and its first assignment
        // (confluentinc/librdkafka#4312): what is closed is not destroyed then.
        client.isLeft = isAbandoned || isMember && !wasAssigned
    }

    /// Appends what has arrived to `events`: waits at most `timeout` for the first, then takes what is
    /// there, up to `eventsMax`.
    public func poll(into events: inout [ConsumerEvent], eventsMax: Int, timeout: Duration) {
        guard let wakeup, timeout > .zero else { return take(into: &events, eventsMax: eventsMax, timeout: timeout) }
        // What is there already has rung before.
        let before = events.count
        take(into: &events, eventsMax: eventsMax, timeout: .zero)
        guard events.count == before else { return }
        wakeup.wait(timeout)
        take(into: &events, eventsMax: eventsMax, timeout: .zero)
    }

    private func take(into events: inout [ConsumerEvent], eventsMax: Int, timeout: Duration) {
        var wait = timeout.milliseconds
        for _ in 0..<eventsMax {
            guard let event = unsafe rd_kafka_queue_poll(queue, wait) else { return }
            unsafe append(event, to: &events)
            unsafe rd_kafka_event_destroy(event)
            wait = 0
        }
    }

    /// What the group has committed; partitions without a commit are absent.
    public func committedOffsets(
        for partitions: [TopicPartition], timeout: Duration
    ) throws(StreamingError) -> [TopicPartition: Int64] {
        let list = PartitionList(partitions.map { ($0, -1001) })
        let code = unsafe rd_kafka_committed(client.handle, list.list, timeout.milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw StreamingError(code: code, detail: "") }
        return Dictionary(
            list.entries.filter { $0.offset >= 0 }.map { ($0.partition, $0.offset) }, uniquingKeysWith: max)
    }

    /// Starts reading, the answer to `assigned`.
    public func assign(_ starts: [TopicPartition: Int64]) throws(StreamingError) {
        let list = PartitionList(starts.map { ($0.key, $0.value) })
        try unsafe Self.check(rd_kafka_incremental_assign(client.handle, list.list))
    }

    /// Stops reading, the answer to `revoked` and `lost`.
    public func unassign(_ partitions: [TopicPartition]) throws(StreamingError) {
        let list = PartitionList(partitions.map { ($0, -1001) })
        try unsafe Self.check(rd_kafka_incremental_unassign(client.handle, list.list))
    }

    /// What was fetched and not polled is fetched again when reading goes on.
    public func pause(_ partitions: [TopicPartition]) throws(StreamingError) {
        let list = PartitionList(partitions.map { ($0, -1001) })
        let code = unsafe rd_kafka_pause_partitions(client.handle, list.list)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw StreamingError(code: code, detail: "pausing") }
    }

    public func resume(_ partitions: [TopicPartition]) throws(StreamingError) {
        let list = PartitionList(partitions.map { ($0, -1001) })
        let code = unsafe rd_kafka_resume_partitions(client.handle, list.list)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw StreamingError(code: code, detail: "resuming") }
    }

    /// Commits the next offsets to answer. The outcome comes as an event.
    public func commit(_ offsets: [TopicPartition: Int64]) throws(StreamingError) {
        try unsafe commit(offsets, outcomeTo: queue)
    }

    /// Commits the next offsets to answer, and waits for the outcome, at most `timeout`. `rd_kafka_commit` has no limit:
    /// without a coordinator it waits for 45 seconds, with a dead one for 60.
    public func commit(_ offsets: [TopicPartition: Int64], within timeout: Duration) throws(StreamingError) {
        guard !offsets.isEmpty else { return }
        let outcomes = unsafe rd_kafka_queue_new(client.handle)
        defer { unsafe rd_kafka_queue_destroy(outcomes) }
        try unsafe commit(offsets, outcomeTo: outcomes)
        let event = unsafe rd_kafka_queue_poll(outcomes, timeout.milliseconds)
        defer { if let event = unsafe event { unsafe rd_kafka_event_destroy(event) } }
        let code = unsafe event.map { unsafe rd_kafka_event_error($0) } ?? RD_KAFKA_RESP_ERR__TIMED_OUT
        try Self.check(committing: code)
    }

    private func commit(_ offsets: [TopicPartition: Int64], outcomeTo outcomes: OpaquePointer?) throws(StreamingError) {
        guard !offsets.isEmpty else { return }
        let list = PartitionList(offsets.map { ($0.key, $0.value) })
        // The outcome is told to the queue that the call is given, and to no other.
        try Self.check(committing: unsafe rd_kafka_commit_queue(client.handle, list.list, outcomes, nil, nil))
    }

    private static func check(committing code: rd_kafka_resp_err_t) throws(StreamingError) {
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET else {
            throw StreamingError(code: code, detail: "committing offsets")
        }
    }

    public func groupMetadata() throws(StreamingError) -> GroupMetadata {
        guard let membership = unsafe rd_kafka_consumer_group_metadata(client.handle) else {
            throw .cannotStart(reason: "the consumer has no group")
        }
        defer { unsafe rd_kafka_consumer_group_metadata_destroy(membership) }
        var buffer: UnsafeMutableRawPointer?
        var size = 0
        try unsafe Self.check(rd_kafka_consumer_group_metadata_write(membership, &buffer, &size))
        defer { unsafe rd_kafka_mem_free(client.handle, buffer) }
        // Without a membership nothing would be refused: offsets of partitions that are somebody else's now
        // would be committed. The group's word on that comes with the next poll.
        let name = unsafe rd_kafka_memberid(client.handle)
        defer { if let name = unsafe name { unsafe rd_kafka_mem_free(client.handle, name) } }
        let isNobody = unsafe name.map { unsafe $0.pointee == 0 } ?? true
        guard !isNobody, unsafe rd_kafka_assignment_lost(client.handle) == 0 else {
            throw .kafka(name: "not a member of the group", detail: "", recovery: .retry)
        }
        return GroupMetadata(bytes: unsafe Array(UnsafeRawBufferPointer(start: buffer, count: size)))
    }

    public func offsetRange(of partition: TopicPartition, timeout: Duration) throws(StreamingError) -> Range<Int64> {
        var low: Int64 = 0
        var high: Int64 = 0
        let code = unsafe rd_kafka_query_watermark_offsets(
            client.handle, partition.topic, partition.partition, &low, &high, timeout.milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw StreamingError(code: code, detail: "asking what \(partition) holds") }
        return max(0, low)..<max(0, low, high)
    }

    public func firstOffset(of partition: TopicPartition, timeout: Duration) throws(StreamingError) -> Int64 {
        let range = try offsetRange(of: partition, timeout: timeout)
        return startsAtEnd ? range.upperBound : range.lowerBound
    }

    public func partitionCount(of topic: String, timeout: Duration) throws(StreamingError) -> Int {
        guard let handle = unsafe rd_kafka_topic_new(client.handle, topic, nil) else {
            throw .cannotStart(reason: "\(topic) is not a topic name")
        }
        defer { unsafe rd_kafka_topic_destroy(handle) }
        var found: UnsafePointer<rd_kafka_metadata>?
        let code = unsafe rd_kafka_metadata(client.handle, 0, handle, &found, timeout.milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata = unsafe found else {
            throw StreamingError(code: code, detail: "asking for \(topic)")
        }
        defer { unsafe rd_kafka_metadata_destroy(metadata) }
        guard unsafe metadata.pointee.topic_cnt == 1 else { return 0 }
        return unsafe Int(metadata.pointee.topics[0].partition_cnt)
    }

    /// Leaves the group, so that its partitions go on elsewhere at once. Nothing can be polled after.
    public func close(timeout: Duration) {
        guard !isClosed else { return }
        isClosed = true
        guard unsafe rd_kafka_consumer_close_queue(client.handle, queue) == nil else { return }
        let deadline = ContinuousClock.now + timeout
        var ignored: [ConsumerEvent] = []
        while unsafe rd_kafka_consumer_closed(client.handle) == 0, ContinuousClock.now < deadline {
            ignored.removeAll(keepingCapacity: true)
            poll(into: &ignored, eventsMax: 1000, timeout: .milliseconds(50))
            for case .revoked(let partitions) in ignored { release(partitions) }
            for case .lost(let partitions) in ignored { release(partitions) }
        }
        // Brokers that do not answer would be waited for where the handle goes: it is left to the end of the process.
        if unsafe rd_kafka_consumer_closed(client.handle) == 0 { isAbandoned = true }
    }

    /// While closing there is nobody to tell: the group hears of it all the same.
    private func release(_ partitions: [TopicPartition]) {
        do throws(StreamingError) { try unassign(partitions) } catch { return }
    }

    private static func check(_ error: OpaquePointer?) throws(StreamingError) {
        guard let error = unsafe error else { return }
        let failure = unsafe StreamingError(
            code: rd_kafka_error_code(error), detail: String(cString: rd_kafka_error_string(error)))
        unsafe rd_kafka_error_destroy(error)
        throw failure
    }

    private func append(_ event: OpaquePointer, to events: inout [ConsumerEvent]) {
        switch unsafe rd_kafka_event_type(event) {
        case RD_KAFKA_EVENT_FETCH:
            while let message = unsafe rd_kafka_event_message_next(event) {
                unsafe events.append(MessageReader.event(of: message))
            }
        case RD_KAFKA_EVENT_REBALANCE:
            guard let list = unsafe rd_kafka_event_topic_partition_list(event) else { return }
            let partitions = unsafe PartitionList.entries(of: list).map(\.partition)
            if unsafe rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
                wasAssigned = true
                events.append(.assigned(partitions))
            } else if unsafe rd_kafka_assignment_lost(client.handle) != 0 {
                events.append(.lost(partitions))
            } else {
                events.append(.revoked(partitions))
            }
        case RD_KAFKA_EVENT_OFFSET_COMMIT:
            unsafe events.append(commitOutcome(event))
        case RD_KAFKA_EVENT_STATS:
            guard let text = unsafe rd_kafka_event_stats(event) else { return }
            if let statistics = unsafe ClientStatistics(json: Array(String(cString: text).utf8)) {
                events.append(.statistics(statistics))
            }
        case RD_KAFKA_EVENT_ERROR:
            if let position = unsafe position(event) { return events.append(position) }
            let detail = unsafe String(cString: rd_kafka_event_error_string(event))
            unsafe events.append(.failure(StreamingError(code: rd_kafka_event_error(event), detail: detail)))
        default:
            return
        }
    }

    /// The errors that say where reading of a partition stands; they come as errors of the client, with the
    /// partition beside them.
    private func position(_ event: OpaquePointer) -> ConsumerEvent? {
        guard let found = unsafe rd_kafka_event_topic_partition(event) else { return nil }
        defer { unsafe rd_kafka_topic_partition_destroy(found) }
        let partition = unsafe TopicPartition(topic: String(cString: found.pointee.topic), partition: found.pointee.partition)
        return unsafe MessageReader.position(
            rd_kafka_event_error(event), partition: partition, offset: found.pointee.offset)
    }

    private func commitOutcome(_ event: OpaquePointer) -> ConsumerEvent {
        let code = unsafe rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let list = unsafe rd_kafka_event_topic_partition_list(event) else {
            return .commitFailed(StreamingError(code: code, detail: "committing offsets"))
        }
        let offsets = unsafe PartitionList.entries(of: list).filter { $0.offset >= 0 }
        return .committed(Dictionary(offsets.map { ($0.partition, $0.offset) }, uniquingKeysWith: max))
    }
}
