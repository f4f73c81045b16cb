import Engine
import Events
import HTTPService
import StateStore
import Streaming
import Testing

@testable import Daemon

@Suite struct DaemonTests {
    private let partition = TopicPartition(topic: "events", partition: 0)

    private func source(_ offset: Int64) -> RecordSource { RecordSource(topicPartition: partition, offset: offset) }

    @Test func onlyWhatIsBeforeTheFirstOpenRecordIsCommitted() {
        var tracker = OffsetTracker()
        // Offsets have holes where transactions and compaction took records away.
        let offsets: [Int64] = [3, 4, 7, 8, 20]
        for offset in offsets { tracker.begin(source(offset)) }
        #expect(tracker.takeCommittable() == [:])
        tracker.finish(source(4))
        #expect(tracker.takeCommittable() == [:])
        tracker.finish(source(3))
        #expect(tracker.takeCommittable() == [partition: 5])
        #expect(tracker.takeCommittable() == [:])
        tracker.finish(source(20))
        tracker.finish(source(8))
        tracker.finish(source(99))
        #expect(tracker.takeCommittable() == [:])
        tracker.finish(source(7))
        #expect(tracker.takeCommittable() == [partition: 21])
        tracker.forgetCommits()
        #expect(tracker.takeCommittable() == [partition: 21])
        tracker.remove(partition)
        tracker.finish(source(21))
        #expect(tracker.takeCommittable() == [:])
    }

    @Test func theTrackerAgreesWithASetWhateverTheOrder() {
        var tracker = OffsetTracker()
        var open: Set<Int64> = []
        var state: UInt64 = 5
        var committed: Int64 = 0
        for offset in 0..<Int64(6000) {
            tracker.begin(source(offset))
            open.insert(offset)
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            if open.count > 40, let done = open.min(by: { ($0 &* 7919 ^ Int64(state >> 50)) < ($1 &* 7919 ^ Int64(state >> 50)) }) {
                tracker.finish(source(done))
                open.remove(done)
            }
            committed = tracker.takeCommittable()[partition] ?? committed
            #expect(committed == (open.min() ?? offset + 1))
        }
    }

    @Test func queriesAreBoundedAndRefusedAtTheEnd() async {
        let queue = QueryQueue()
        guard let user = UserID("u") else { preconditionFailure("u is an identifier") }
        let answers = await withTaskGroup(of: Result<ListAnswer, QueryError>.self, returning: [QueryError].self) { group in
            for _ in 0..<QueryQueue.capacity + 5 { group.addTask { await queue.ask(user, ListQuery()) } }
            var results: [QueryError] = []
            // The five that do not fit are refused at once, the others when the queue closes.
            for await result in group {
                if case .failure(let error) = result { results.append(error) }
                if results.count == 5 { queue.close() }
            }
            return results
        }
        #expect(answers.count == QueryQueue.capacity + 5)
        #expect(answers.count { $0 == .overloaded } == 5)
        #expect(answers.count { $0 == .unavailable("the daemon is stopping") } == QueryQueue.capacity)
        let late = await queue.ask(user, ListQuery())
        if case .success = late { Issue.record("a closed queue took a query") }
    }

    @Test func aFailedRecordKeepsItsTokenUntilItIsDelivered() {
        var outbox = Outbox()
        let letter = Outbox.Letter(
            record: OutgoingRecord(topic: "t", key: nil, value: [1]), source: source(1), polled: .now, isList: true)
        let (first, second) = (outbox.add(letter), outbox.add(letter))
        #expect(first != second && first != 0)
        #expect(outbox.letter(first)?.record == letter.record)
        #expect(outbox.count == 2)
        #expect(outbox.remove(first) != nil)
        #expect(outbox.remove(first) == nil)
        #expect(outbox.count == 1)
    }

    @Test func everyEndHasItsExitCode() {
        let kafka = { StreamingError.kafka(name: "n", detail: "d", recovery: $0) }
        #expect(DaemonError.state(.inUse(path: "/x")).exitCode == 74)
        #expect(DaemonError.engine(.stateMismatch("x")).exitCode == 74)
        #expect(DaemonError.engine(.diverged("x")).exitCode == 70)
        #expect(DaemonError.streaming(kafka(.stop)).exitCode == 69)
        #expect(DaemonError.streaming(.invalidProperty(name: "p", reason: "r")).exitCode == 78)
        #expect(DaemonError.decoder.exitCode == 70)
    }
}
