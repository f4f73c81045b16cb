import Checkpoints
import Engine
import Events
import StateStore
import Streaming

@testable import Delivery

/// A world that does what the test says, and writes down what it was asked.
enum ScriptedWorld: DeliveryWorld {
    typealias Consumer = ScriptedConsumer
    typealias Reader = ScriptedConsumer
    typealias Producer = ScriptedProducer
    typealias Store = ScriptedStore
    typealias Time = ScriptedTime

    static let events = TopicPartition(topic: "events", partition: 0)
    static let other = TopicPartition(topic: "events", partition: 1)
    static let now = Timestamp(milliseconds: 1_767_225_600_000)

    static func loop(
        _ guarantee: DeliveryConfiguration.Guarantee, _ consumer: ScriptedConsumer, _ producer: ScriptedProducer,
        store: ScriptedStore, engine: consuming Engine, reader: ScriptedConsumer? = nil
    ) throws -> DeliveryLoop<ScriptedWorld> {
        var configuration = DeliveryConfiguration()
        configuration.guarantee = guarantee
        configuration.checkpointInterval = .seconds(3600)
        if reader != nil { configuration.sessionsTopic = "sessions" }
        guard let decoder = EventDecoder(fields: EventFields(), limits: EventLimits()) else {
            preconditionFailure("a parser of the default limits can be made")
        }
        return DeliveryLoop(
            configuration, engine: engine, decoder: decoder, consumer: consumer, reader: reader, producer: producer.makeAnew(),
            store: store,
            time: consumer.time, makeProducer: { producer.makeAnew() })
    }

    static func engine() throws -> Engine {
        var configuration = EngineConfiguration()
        configuration.encoder = .gru
        configuration.learner.dimensions = 16
        configuration.learner.itemsMax = 64
        configuration.learner.negatives = 16
        configuration.sessionLengthMax = 8
        configuration.usersMax = 50
        configuration.rules = ListRules(count: 5, exclusions: [])
        return try Engine(configuration)
    }

    static func record(_ offset: Int64, _ partition: TopicPartition = events, id: String? = nil) -> ConsumerEvent {
        let name = id.map { #","id":"\#($0)""# } ?? ""
        let value = #"{"user":"u\#(offset % 3)","item":"i\#(offset % 7)","timestamp":\#(now.milliseconds + offset)\#(name)}"#
        return .record(
            KafkaRecord(
                source: RecordSource(topicPartition: partition, offset: offset), timestamp: now, key: nil,
                value: Array(value.utf8), headers: []))
    }
}

/// Moves as far as it is told, and by the waits that are asked for.
final class ScriptedTime: TimeSource {
    var now = Duration.zero

    func elapsed() -> Duration { now }
    func wall() -> Timestamp { ScriptedWorld.now }
}

final class ScriptedConsumer: RecordConsumer {
    let time = ScriptedTime()
    /// What the next polls bring, one poll an entry.
    var polls: [[ConsumerEvent]] = []
    var committed: [TopicPartition: Int64] = [:]
    var ranges: [TopicPartition: Range<Int64>] = [:]
    var assignments: [[TopicPartition: Int64]] = []
    var unassigned: [TopicPartition] = []
    /// Rebalances that were answered before it was known where to read.
    var answers = 0
    var isMember = true
    /// `auto.offset.reset`.
    var startsAtEnd = false
    var commitsRefused = 0

    func poll(into events: inout [ConsumerEvent], eventsMax: Int, timeout: Duration) {
        if polls.isEmpty || !paused.isEmpty { time.now += timeout } else { events += polls.removeFirst() }
    }

    func assign(_ starts: [TopicPartition: Int64]) throws(StreamingError) {
        if starts.isEmpty { answers += 1 } else { assignments.append(starts) }
    }
    func unassign(_ partitions: [TopicPartition]) throws(StreamingError) { unassigned += partitions }

    func offsetRange(of partition: TopicPartition, timeout: Duration) throws(StreamingError) -> Range<Int64> {
        ranges[partition] ?? 0..<1_000_000
    }

    func firstOffset(of partition: TopicPartition, timeout: Duration) throws(StreamingError) -> Int64 {
        let range = try offsetRange(of: partition, timeout: timeout)
        return startsAtEnd ? range.upperBound : range.lowerBound
    }

    func partitionCount(of topic: String, timeout: Duration) throws(StreamingError) -> Int { 2 }

    func committedOffsets(
        for partitions: [TopicPartition], timeout: Duration
    ) throws(StreamingError) -> [TopicPartition: Int64] {
        committed.filter { partitions.contains($0.key) }
    }

    var paused: Set<TopicPartition> = []

    func pause(_ partitions: [TopicPartition]) throws(StreamingError) { paused.formUnion(partitions) }
    func resume(_ partitions: [TopicPartition]) throws(StreamingError) { paused.subtract(partitions) }

    func commit(_ offsets: [TopicPartition: Int64], within timeout: Duration) throws(StreamingError) { try commit(offsets) }

    func commit(_ offsets: [TopicPartition: Int64]) throws(StreamingError) {
        if commitsRefused > 0 {
            commitsRefused -= 1
            throw .kafka(name: "refused", detail: "", recovery: .retry)
        }
        committed.merge(offsets) { _, new in new }
    }

    func groupMetadata() throws(StreamingError) -> GroupMetadata {
        guard isMember else { throw .kafka(name: "not a member", detail: "", recovery: .retry) }
        return GroupMetadata(bytes: [1])
    }

    func close(timeout: Duration) {}
}

/// Transactions as Kafka means them: what is aborted was never there.
final class ScriptedProducer: RecordProducer {
    let consumer: ScriptedConsumer
    /// What a `read_committed` reader sees.
    var visible: [OutgoingRecord] = []
    /// Records handed over in the open transaction, or alone and not acknowledged.
    var open: [(record: OutgoingRecord, token: UInt)] = []
    var offsets: [TopicPartition: Int64] = [:]
    var calls: [String] = []
    /// Errors that the next calls of that name end in.
    var failures: [String: [TransactionError]] = [:]
    /// Whether reports come with the next poll.
    var acknowledges = true
    /// What the next records are refused with, the last first.
    var sendFailures: [StreamingError] = []
    /// Records that the brokers never take: with them the whole request is refused, as Kafka does.
    var rejects: (OutgoingRecord) -> Bool = { _ in false }
    /// Whether a commit that fails was applied all the same.
    var appliesFailedCommits = false
    /// What the next reports say.
    var reportFailures: [StreamingError?] = []
    private var unreported: [UInt] = []
    private var isInTransaction = false
    private var isMade = false
    /// The call that was not answered in time: until it is, librdkafka refuses every other.
    private var unanswered: String?

    init(_ consumer: ScriptedConsumer) { self.consumer = consumer }

    /// A new producer: what the one before had is gone, and its open transaction will be aborted.
    func makeAnew() -> ScriptedProducer {
        if isMade {
            calls.append("new")
            unreported.removeAll()
            unanswered = nil
            end()
        }
        isMade = true
        return self
    }

    func send(_ record: OutgoingRecord, token: UInt) throws(StreamingError) {
        if let failure = sendFailures.popLast() { throw failure }
        open.append((record, token))
        unreported.append(token)
    }

    func poll(into reports: inout [DeliveryReport], timeout: Duration) {
        guard acknowledges, !unreported.isEmpty else { return consumer.time.now += timeout }
        let isRefused = open.contains { unreported.contains($0.token) && rejects($0.record) }
        if isRefused { reportFailures = unreported.map { _ in .kafka(name: "too large", detail: "", recovery: .passOver) } }
        for token in unreported {
            let failure = reportFailures.isEmpty ? nil : reportFailures.removeFirst()
            reports.append(DeliveryReport(token: token, failure: failure))
            if !isInTransaction, let place = open.firstIndex(where: { $0.token == token }) {
                let record = open.remove(at: place).record
                if failure == nil { visible.append(record) }
            }
        }
        unreported.removeAll()
    }

    func initTransactions(timeout: Duration) throws(TransactionError) { try call("init") }

    func beginTransaction() throws(TransactionError) {
        try call("begin")
        isInTransaction = true
    }

    func sendOffsets(
        _ offsets: [TopicPartition: Int64], group: GroupMetadata, timeout: Duration
    ) throws(TransactionError) {
        try call("offsets")
        self.offsets = offsets
    }

    func commitTransaction(timeout: Duration) throws(TransactionError) {
        guard unreported.isEmpty else { throw TransactionError(recovery: .stop, name: "unreported", detail: "") }
        do throws(TransactionError) {
            try call("commit")
        } catch {
            if appliesFailedCommits { apply() }
            throw error
        }
        apply()
        end()
    }

    private func apply() {
        visible += open.map(\.record)
        open.removeAll()
        consumer.committed.merge(offsets) { _, new in new }
    }

    func abortTransaction(timeout: Duration) throws(TransactionError) {
        try call("abort")
        end()
    }

    private func end() {
        open.removeAll()
        offsets.removeAll()
        isInTransaction = false
    }

    private func call(_ name: String) throws(TransactionError) {
        calls.append(name)
        if let unanswered, unanswered != name { throw TransactionError(recovery: .retry, name: "conflict", detail: unanswered) }
        unanswered = nil
        guard var left = failures[name], !left.isEmpty else { return }
        let failure = left.removeFirst()
        failures[name] = left
        if failure.recovery == .retry, name != "offsets" { unanswered = name }
        throw failure
    }
}

final class ScriptedStore: CheckpointStore {
    var checkpoints: [Checkpoint] = []
    /// Whether writing fails.
    var isFull = false
    private var outcome: CheckpointOutcome?

    func start(_ checkpoint: Checkpoint) { outcome = write(checkpoint) }

    func takeOutcome() -> CheckpointOutcome? {
        defer { outcome = nil }
        return outcome
    }

    func waitForOutcome() -> CheckpointOutcome? { takeOutcome() }

    func finish(_ checkpoint: Checkpoint) -> CheckpointOutcome { write(checkpoint) }

    private func write(_ checkpoint: Checkpoint) -> CheckpointOutcome {
        if isFull { return CheckpointOutcome(failed: checkpoint, error: .diskFull(path: "/state")) }
        checkpoints.append(checkpoint)
        return .written
    }
}

extension OutgoingRecord {
    /// The offset of the event that this list answers, and its partition.
    var answers: String {
        let text = String(decoding: value ?? [], as: UTF8.self)
        guard let start = text.range(of: #""partition":"#) else { return "tombstone" }
        return String(text[start.upperBound...].dropLast(2).replacing(#","offset":"#, with: "@"))
    }
}
