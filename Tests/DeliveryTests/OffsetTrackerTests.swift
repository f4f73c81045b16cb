import Events
import Testing

@testable import Delivery

@Suite struct OffsetTrackerTests {
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

    @Test func whatIsReadAgainIsNotCommittedAgain() {
        var tracker = OffsetTracker()
        tracker.start(partition, committed: 3)
        for offset in 0..<5 as Range<Int64> { tracker.begin(source(offset)) }
        for offset in 0..<3 as Range<Int64> { tracker.finish(source(offset)) }
        tracker.forgetCommits()
        #expect(!tracker.hasCommittable)
        #expect(tracker.takeCommittable() == [:])
        tracker.finish(source(3))
        #expect(tracker.takeCommittable() == [partition: 4])
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

    @Test func aRecordWithTwoLettersWaitsForBoth() {
        var tracker = OffsetTracker()
        tracker.begin(source(5))
        tracker.extend(source(5))
        tracker.finish(source(5))
        #expect(!tracker.hasCommittable)
        tracker.finish(source(5))
        #expect(tracker.hasCommittable)
        #expect(tracker.takeCommittable() == [partition: 6])
        #expect(!tracker.hasCommittable)
    }
}
