internal import Events
internal import Streaming

/// What a record of the events topic is, as its maker meant it.
enum InputKind: Equatable, Sendable {
    case event(user: String, item: String, type: String)
    case forget(user: String)
    /// A second copy of an event that has an id: it is neither learned nor answered.
    case repetition
    /// It cannot be used, and goes to the dead letters.
    case refused
}

/// Records that reach the events topic together.
struct Traffic: Sendable {
    struct Input: Sendable {
        var kind: InputKind
        var key: [UInt8]?
        var value: [UInt8]?
        var headers: [KafkaHeader]
        var timestamp: Timestamp
    }

    /// Whoever writes events may do it in transactions, and abort some.
    enum Ending: Sendable {
        case plain
        case committed
        case aborted
    }

    var inputs: [Input]
    var ending: Ending
    /// The call at which they are there.
    var call: Int
    var partition: Int32

    private static let producerName = "events-source"

    /// Writes the records, and tells the observer what is to become of each.
    func write(to broker: inout SimulatedBroker, topic: String, expecting observer: CommitObserver) {
        let partition = TopicPartition(topic: topic, partition: partition)
        guard let now = inputs.first?.timestamp else { return }
        // Its transactions have a coordinator of their own, which is never away.
        let isUp = broker.isCoordinatorUp
        broker.setCoordinator(isUp: true)
        defer { broker.setCoordinator(isUp: isUp) }
        do throws(BrokerRefusal) {
            let producer =
                ending == .plain
                ? nil : try broker.initTransactions(Self.producerName, timeoutMilliseconds: .max, at: now)
            if let producer { try broker.addPartition(partition, to: producer, at: now) }
            for (place, input) in inputs.enumerated() {
                let record = OutgoingRecord(topic: topic, key: input.key, value: input.value, headers: input.headers)
                let offset = try broker.produce(
                    record, to: partition, producer: producer, sequence: Int32(place), at: input.timestamp)
                if ending != .aborted { observer.expect(input, at: RecordSource(topicPartition: partition, offset: offset)) }
            }
            if let producer {
                try broker.endTransaction(of: producer, isCommit: ending == .committed, completes: true, at: now)
            }
        } catch {
            observer.violation("the source of events was refused: \(error)")
        }
    }
}
