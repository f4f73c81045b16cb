import Testing

@testable import Delivery

@Suite struct PartitionOffsetsTests {
    @Test func onlyWhatIsBeforeTheFirstOpenRecordIsCommitted() {
        var offsets = PartitionOffsets(committed: 0)
        // Offsets have holes where transactions and compaction took records away.
        for offset in [3, 4, 7, 8, 20] as [Int64] { offsets.begin(offset) }
        #expect(offsets.takeCommittable() == nil)
        offsets.finish(4)
        #expect(offsets.takeCommittable() == nil)
        offsets.finish(3)
        #expect(offsets.takeCommittable() == 5)
        #expect(offsets.takeCommittable() == nil)
        offsets.finish(20)
        offsets.finish(8)
        offsets.finish(99)
        #expect(offsets.takeCommittable() == nil)
        offsets.finish(7)
        #expect(offsets.takeCommittable() == 21)
        offsets.forgetCommit()
        #expect(offsets.takeCommittable() == 21)
    }

    @Test func whatIsReadAgainIsNotCommittedAgain() {
        var offsets = PartitionOffsets(committed: 3)
        for offset in 0..<5 as Range<Int64> { offsets.begin(offset) }
        for offset in 0..<3 as Range<Int64> { offsets.finish(offset) }
        offsets.forgetCommit()
        #expect((offsets.committable == nil))
        #expect(offsets.takeCommittable() == nil)
        offsets.finish(3)
        #expect(offsets.takeCommittable() == 4)
    }

    @Test func itAgreesWithASetWhateverTheOrder() {
        var offsets = PartitionOffsets(committed: 0)
        var open: Set<Int64> = []
        var state: UInt64 = 5
        var committed: Int64 = 0
        for offset in 0..<Int64(6000) {
            offsets.begin(offset)
            open.insert(offset)
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            if open.count > 40, let done = open.min(by: { ($0 &* 7919 ^ Int64(state >> 50)) < ($1 &* 7919 ^ Int64(state >> 50)) }) {
                offsets.finish(done)
                open.remove(done)
            }
            committed = offsets.takeCommittable() ?? committed
            #expect(committed == (open.min() ?? offset + 1))
        }
    }

    @Test func aRecordWithTwoPendingRecordsWaitsForBoth() {
        var offsets = PartitionOffsets(committed: 0)
        offsets.begin(5)
        offsets.extend(5)
        offsets.finish(5)
        #expect((offsets.committable == nil))
        offsets.finish(5)
        #expect((offsets.committable != nil))
        #expect(offsets.takeCommittable() == 6)
        #expect((offsets.committable == nil))
    }

    /// Markers of transactions occupy offsets, and are committed like records: else a lag of one stays for ever.
    @Test func whatNeedsNoAnswerIsCommittedBehindWhatDoes() {
        var offsets = PartitionOffsets(committed: 0)
        offsets.begin(0)
        offsets.passOver(below: 3)
        #expect(offsets.takeCommittable() == nil)
        offsets.finish(0)
        #expect(offsets.takeCommittable() == 3)
        offsets.passOver(below: 3)
        offsets.passOver(below: 2)
        #expect(offsets.takeCommittable() == nil)
        #expect(offsets.openCount == 0)
    }
}
