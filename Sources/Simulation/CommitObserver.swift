internal import Events
internal import Streaming

/// Looks at the brokers after every call, as a reader of committed records would: what the group has
/// committed only grows, and everything below it is answered.
final class CommitObserver {
    private var expected: [TopicPartition: [(offset: Int64, input: Traffic.Input)]] = [:]
    private var committed: [TopicPartition: Int64] = [:]
    /// For each partition, inputs below this place were found to be answered.
    private var answeredPlaces: [TopicPartition: Int] = [:]
    private var positions: [TopicPartition: Int64] = [:]
    /// What readers of committed records have seen so far.
    private(set) var output: ObservedOutput
    private(set) var violations: [String] = []

    /// Beyond this nobody reads on.
    private static let violationsMax = 20

    init(_ names: SimulatedWorld.Names) { output = ObservedOutput(names) }

    func violation(_ text: String) {
        if violations.count < Self.violationsMax { violations.append(text) }
    }

    func expect(_ input: Traffic.Input, at source: RecordSource) {
        expected[source.topicPartition, default: []].append((source.offset, input))
    }

    /// All inputs that are there, partition by partition, in order.
    var inputs: [(source: RecordSource, input: Traffic.Input)] {
        expected.keys.sorted { $0.partition < $1.partition }.flatMap { partition in
            (expected[partition] ?? []).map { (RecordSource(topicPartition: partition, offset: $0.offset), $0.input) }
        }
    }

    /// Whether the group has committed everything that is there.
    func isEverythingCommitted(_ broker: borrowing SimulatedBroker) -> Bool { isEverything(below: committed, broker) }

    /// Whether every input that is still there is below these offsets.
    func isEverything(below offsets: [TopicPartition: Int64], _ broker: borrowing SimulatedBroker) -> Bool {
        for (partition, inputs) in expected {
            guard let last = inputs.last, last.offset >= broker.logs[partition]?.lowWatermark ?? 0 else { continue }
            if offsets[partition, default: 0] <= last.offset { return false }
        }
        return true
    }

    func look(at broker: borrowing SimulatedBroker, _ names: SimulatedWorld.Names) {
        let now = broker.committedOffsets(of: names.group)
        guard now != committed else { return }
        for topic in [names.lists, names.deadLetters] {
            for partition in broker.partitions(of: topic) { read(partition, broker) }
        }
        // Behind another instance's open transaction nobody can see yet what is answered: it is looked at later.
        let isHeldBack = [names.lists, names.deadLetters].flatMap(broker.partitions).contains { partition in
            broker.logs[partition].map { $0.lastStableOffset < $0.highWatermark } ?? false
        }
        for partition in now.keys.sorted(by: { $0.partition < $1.partition }) {
            let (before, after) = (committed[partition] ?? 0, now[partition] ?? 0)
            if after < before { violation("\(partition): the committed offset went back from \(before) to \(after)") }
            if !isHeldBack { check(partition, upTo: after, lowWatermark: broker.logs[partition]?.lowWatermark ?? 0) }
        }
        committed = now
    }

    private func check(_ partition: TopicPartition, upTo after: Int64, lowWatermark: Int64) {
        let inputs = expected[partition] ?? []
        var place = answeredPlaces[partition] ?? 0
        while place < inputs.count, inputs[place].offset < after {
            let source = RecordSource(topicPartition: partition, offset: inputs[place].offset)
            // What retention took is judged at the end, by what was told of it.
            if output.answers(to: source, inputs[place].input) == 0, source.offset >= lowWatermark {
                violation("\(source) is committed and not answered")
            }
            place += 1
        }
        answeredPlaces[partition] = place
    }

    /// Reads on to the end of what is stable.
    func read(_ partition: TopicPartition, _ broker: borrowing SimulatedBroker) {
        guard let log = broker.logs[partition] else { return }
        do throws(BrokerRefusal) {
            let read = try log.read(from: positions[partition] ?? 0, limit: .max, isolation: .readCommitted)
            positions[partition] = read.next
            for found in read.records { output.add(found.record) }
        } catch { violation("\(partition) cannot be read: \(error)") }
    }
}
