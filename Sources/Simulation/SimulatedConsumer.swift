public import Events
public import Streaming

/// A consumer at the simulated brokers: a member of a group where it has a name, else a reader of the
/// partitions that it is given.
public final class SimulatedConsumer: RecordConsumer {
    private let world: SimulatedWorld
    /// The name in the group; nil for a reader outside of any group.
    private let member: String?
    private var membership: GroupMembership?
    /// What the group has given, and what of it was announced as revoked and not let go of yet.
    private var owned: [TopicPartition] = []
    /// What was announced as revoked: the next `unassign` is the answer, also where it was never assigned.
    private var leaving: [TopicPartition] = []
    private var positions: [TopicPartition: Int64] = [:]
    private var paused: Set<TopicPartition> = []
    private var endsTold: [TopicPartition: Int64] = [:]
    /// Commits whose outcome nobody waits for.
    private var commitsUnderway: [[TopicPartition: Int64]] = []
    private var outcomes: [ConsumerEvent] = []
    /// The order in which records are handed over; nil for whatever comes first.
    private var script: ArraySlice<RecordSource>?
    private var isClosed = false

    init(_ world: SimulatedWorld, member: String?, script: [RecordSource]?) {
        self.world = world
        self.member = member
        self.script = script.map { $0[...] }
        guard let member else { return }
        world.broker.join(member, group: world.names.group, topics: [world.names.events])
        world.current = member
    }

    public func poll(into events: inout [ConsumerEvent], eventsMax: Int, timeout: Duration) {
        let fault = world.enter(.poll)
        defer { world.leave(fault) }
        guard !world.isCrashed, !isClosed else { return }
        switch fault {
        case .retriable: events.append(.failure(.simulated("broker transport failure", .retry)))
        case .fatal: return events.append(.failure(.simulated("group authorization failed", .stop)))
        default: break
        }
        sendCommits()
        events.append(contentsOf: outcomes)
        outcomes.removeAll()
        if chance(8) {
            let marks = positions.keys.compactMap { partition in
                world.broker.logs[partition].map { (partition, $0.lastStableOffset) }
            }
            events.append(
                .statistics(ClientStatistics(isConnected: true, highWatermarks: Dictionary(uniqueKeysWithValues: marks))))
        }
        read(into: &events, eventsMax: eventsMax)
        if events.isEmpty { world.wait(timeout) }
    }

    public func assign(_ starts: [TopicPartition: Int64]) throws(StreamingError) {
        try through(.assign) { () throws(StreamingError) in
            // The whole call is refused (rdkafka_assignment.c, `rd_kafka_assignment_add`).
            if starts.keys.contains(where: { positions[$0] != nil }) { throw .simulated("a partition is assigned already", .retry) }
            for (partition, start) in starts {
                positions[partition] = start
                endsTold[partition] = nil
            }
        }
    }

    public func unassign(_ partitions: [TopicPartition]) throws(StreamingError) {
        try through(.unassign) {
            for partition in partitions { positions[partition] = nil }
            paused.subtract(partitions)
            guard let member else { return }
            // What the group still gives may be assigned again; what it has taken away is free now.
            let taken = partitions.filter { !owned.contains($0) }
            world.broker.letGo(taken, member: member, group: world.names.group)
            // An answer to a revocation is one for all that was taken, also for what was never assigned.
            guard partitions.isEmpty || !taken.isEmpty else { return }
            world.broker.letGo(leaving, member: member, group: world.names.group)
            leaving.removeAll()
        }
    }

    public func offsetRange(of partition: TopicPartition, timeout: Duration) throws(StreamingError) -> Range<Int64> {
        try through(.offsetRange) { () throws(StreamingError) in
            guard let log = world.broker.logs[partition] else { throw .simulated("unknown partition", .stop) }
            return log.lowWatermark..<log.highWatermark
        }
    }

    public func firstOffset(of partition: TopicPartition, timeout: Duration) throws(StreamingError) -> Int64 {
        try offsetRange(of: partition, timeout: timeout).lowerBound
    }

    public func partitionCount(of topic: String, timeout: Duration) throws(StreamingError) -> Int {
        try through(.partitionCount) { world.broker.partitions(of: topic).count }
    }

    public func close(timeout: Duration) {
        let fault = world.enter(.close)
        defer { world.leave(fault) }
        guard !world.isCrashed, !isClosed else { return }
        sendCommits()
        isClosed = true
        guard let member else { return }
        world.broker.leave(member, group: world.names.group, topics: [world.names.events])
        world.current = nil
    }

    public func committedOffsets(
        for partitions: [TopicPartition], timeout: Duration
    ) throws(StreamingError) -> [TopicPartition: Int64] {
        try through(.committedOffsets) { () throws(StreamingError) in
            do throws(BrokerRefusal) {
                return try world.broker.stableOffsets(of: world.names.group, partitions)
            } catch {
                world.wait(timeout)
                throw .simulated("\(error)", .retry)
            }
        }
    }

    public func pause(_ partitions: [TopicPartition]) throws(StreamingError) {
        try through(.pause) { paused.formUnion(partitions) }
    }

    public func resume(_ partitions: [TopicPartition]) throws(StreamingError) {
        try through(.resume) { paused.subtract(partitions) }
    }

    public func commit(_ offsets: [TopicPartition: Int64]) throws(StreamingError) {
        try through(.commit) { if !offsets.isEmpty { commitsUnderway.append(offsets) } }
    }

    public func commit(_ offsets: [TopicPartition: Int64], within timeout: Duration) throws(StreamingError) {
        try through(.commit) { () throws(StreamingError) in
            guard !offsets.isEmpty else { return }
            sendCommits()
            do throws(BrokerRefusal) {
                try send(offsets)
            } catch { throw .simulated("\(error)", .retry) }
        }
    }

    public func groupMetadata() throws(StreamingError) -> GroupMetadata {
        try through(.groupMetadata) { () throws(StreamingError) in
            guard let membership else { throw .simulated("not a member yet", .retry) }
            return GroupMetadata(bytes: membership.bytes)
        }
    }
}

extension SimulatedConsumer {
    /// Takes records and the group's news, mixed as they come, up to `eventsMax`.
    private func read(into events: inout [ConsumerEvent], eventsMax: Int) {
        let limit = min(eventsMax, 1 + world.draw(below: 12))
        let newsAt = world.draw(below: limit)
        for place in 0..<limit {
            if place == newsAt { takeNews(into: &events) }
            guard let event = nextEvent() else { continue }
            if case .record(let record) = event, member != nil { world.lineage.append(record.source) }
            events.append(event)
        }
    }

    private func nextEvent() -> ConsumerEvent? {
        if let wanted = script?.first {
            // What is left out was lost in the story that is told again.
            if positions[wanted.topicPartition] != nil { positions[wanted.topicPartition] = wanted.offset }
            guard let event = event(of: wanted.topicPartition) else { return nil }
            script?.removeFirst()
            return event
        }
        let partitions = positions.keys.sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
        guard !partitions.isEmpty else { return nil }
        let first = world.draw(below: partitions.count)
        for place in partitions.indices {
            if let event = event(of: partitions[(first + place) % partitions.count]) { return event }
        }
        return nil
    }

    /// The next thing that a partition has to say; nil for nothing.
    private func event(of partition: TopicPartition) -> ConsumerEvent? {
        guard let position = positions[partition], !paused.contains(partition), let log = world.broker.logs[partition] else { return nil }
        do throws(BrokerRefusal) {
            let read = try log.read(from: position, limit: 1, isolation: .readCommitted)
            positions[partition] = read.next
            if let found = read.records.first {
                return .record(
                    KafkaRecord(
                        source: RecordSource(topicPartition: partition, offset: found.offset),
                        timestamp: found.timestamp, key: found.record.key, value: found.record.value,
                        headers: found.record.headers))
            }
            guard endsTold[partition] != read.next else { return nil }
            endsTold[partition] = read.next
            return .endOfPartition(partition, offset: read.next)
        } catch {
            positions[partition] = nil
            return .outOfRange(partition)
        }
    }

    /// What the group has decided since: partitions that go, partitions that come.
    private func takeNews(into events: inout [ConsumerEvent]) {
        guard let member else { return }
        let names = world.names
        guard let (assigned, membership) = world.broker.assignment(of: member, group: names.group) else {
            let lost = owned
            owned = []
            self.membership = nil
            if !lost.isEmpty {
                for partition in lost { positions[partition] = nil }
                events.append(.lost(lost))
            }
            return world.broker.join(member, group: names.group, topics: [names.events])
        }
        self.membership = membership
        let revoked = owned.filter { !assigned.contains($0) }
        if !revoked.isEmpty {
            // Nothing more of them is handed over; they are held until they are let go of.
            for partition in revoked { positions[partition] = nil }
            leaving += revoked
            events.append(.revoked(revoked))
            owned.removeAll { revoked.contains($0) }
            return
        }
        let new = assigned.filter { !owned.contains($0) }
        guard !new.isEmpty else { return }
        world.broker.hold(new, member: member, group: names.group)
        owned += new
        events.append(.assigned(new))
    }

    private func send(_ offsets: [TopicPartition: Int64]) throws(BrokerRefusal) {
        guard let membership else { throw .unknownMember }
        try world.broker.commit(offsets, of: membership)
    }

    /// Commits that nobody waited for reach the brokers.
    private func sendCommits() {
        for offsets in commitsUnderway {
            do throws(BrokerRefusal) {
                try send(offsets)
                outcomes.append(.committed(offsets))
            } catch {
                outcomes.append(.commitFailed(.simulated("\(error)", .retry)))
            }
        }
        commitsUnderway.removeAll()
    }

    private func chance(_ oneIn: Int) -> Bool { world.draw(below: oneIn) == 0 }

    /// One call that may fail: as planned, or because the process is dead.
    private func through<Value>(
        _ door: Door, _ body: () throws(StreamingError) -> Value
    ) throws(StreamingError) -> Value {
        let fault = world.enter(door)
        defer { world.leave(fault) }
        guard !world.isCrashed, !isClosed else { throw .simulated("the process is dead", .stop) }
        switch fault {
        case .retriable: throw .simulated("timed out", .retry)
        case .fatal: throw .simulated("group authorization failed", .stop)
        case .appliedUnanswered:
            _ = try body()
            throw .simulated("timed out", .retry)
        default: return try body()
        }
    }
}

extension StreamingError {
    static func simulated(_ name: String, _ recovery: Recovery) -> StreamingError {
        .kafka(name: name, detail: "simulated", recovery: recovery)
    }
}

extension GroupMembership {
    /// As a client library would hand it through.
    var bytes: [UInt8] { Array("\(generation) \(member) \(group)".utf8) }

    init?(bytes: [UInt8]) {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 2).map(String.init)
        guard words.count == 3, let generation = Int32(words[0]) else { return nil }
        self.init(group: words[2], member: words[1], generation: generation)
    }
}
