import Events
import Streaming
import Testing

@testable import Delivery

@Suite struct OutboxTests {
    private func letter(_ offset: Int64, partition: Int32 = 0) -> PendingRecord {
        let place = TopicPartition(topic: "events", partition: partition)
        return PendingRecord(
            record: OutgoingRecord(topic: "lists", key: nil, value: [UInt8(offset)]),
            source: RecordSource(topicPartition: place, offset: offset), polled: .zero, isList: true)
    }

    /// Sends all that waits.
    private func send(_ outbox: inout Outbox, inTransaction: Bool) -> [Int64] {
        var offsets: [Int64] = []
        while let next = outbox.next {
            offsets.append(next.record.source.offset)
            outbox.nextWasSent(inTransaction: inTransaction)
        }
        return offsets
    }

    @Test func aBatchIsNotLeftInTheMiddle() {
        var outbox = Outbox()
        outbox.beginBatch()
        for offset in 0..<2 { outbox.add(letter(Int64(offset))) }
        outbox.beginBatch()
        outbox.add(letter(2))
        #expect(!outbox.isMidBatch)
        outbox.nextWasSent(inTransaction: true)
        #expect(outbox.isMidBatch)
        outbox.nextWasSent(inTransaction: true)
        #expect(!outbox.isMidBatch, "the next one is another's")
        outbox.recallSent()
        outbox.nextWasSent(inTransaction: true)
        #expect(outbox.isMidBatch)
    }

    @Test func aNewerLetterOfTheSameKeyFollowsTheOneThatGoesAgain() {
        var outbox = Outbox()
        for offset in 0..<4 { outbox.add(letter(Int64(offset))) }
        let oldest = outbox.next?.token ?? 0
        for _ in 0..<3 { outbox.nextWasSent(inTransaction: false) }
        // The first failed, two newer ones are with the producer, and one waits.
        outbox.sendAgain([oldest])
        #expect(outbox.next?.token == oldest, "it has its old place")
        for token in [oldest + 1, oldest + 2] {
            let wasOvertaken = outbox.wasOvertaken(token)
            #expect(wasOvertaken)
            outbox.sendAgain([token])
        }
        let waitingWasOvertaken = outbox.wasOvertaken(oldest + 3)
        #expect(!waitingWasOvertaken)
        #expect(send(&outbox, inTransaction: false) == [0, 1, 2, 3])
    }

    @Test func aFailedLetterKeepsItsTokenUntilItIsDelivered() {
        var outbox = Outbox()
        outbox.add(letter(1))
        outbox.add(letter(2))
        let first = outbox.next?.token ?? 0
        #expect(first != 0)
        #expect(send(&outbox, inTransaction: false) == [1, 2])
        #expect(outbox.inFlight == 2)
        outbox.reported()
        outbox.sendAgain([first])
        #expect(outbox.next?.token == first)
        #expect(send(&outbox, inTransaction: false) == [1])
        #expect(outbox.remove(first)?.source.offset == 1)
        #expect(outbox.remove(first) == nil)
        #expect(outbox.count == 1)
    }

    @Test func anAbortedTransactionGoesAgainInOrderBeforeWhatWaits() {
        var outbox = Outbox()
        for offset in 0..<4 { outbox.add(letter(Int64(offset))) }
        #expect(send(&outbox, inTransaction: true) == [0, 1, 2, 3])
        outbox.add(letter(4))
        outbox.recallSent()
        #expect(outbox.sent.isEmpty)
        #expect(send(&outbox, inTransaction: true) == [0, 1, 2, 3, 4])
        #expect(outbox.takeSent().map(\.source.offset) == [0, 1, 2, 3, 4])
        #expect(outbox.count == 0 && !outbox.hasWaiting)
    }

    @Test func whatAnswersPartitionsThatAreGoneIsForgotten() {
        var outbox = Outbox()
        for offset in 0..<6 { outbox.add(letter(Int64(offset), partition: Int32(offset % 2))) }
        outbox.nextWasSent(inTransaction: true)
        outbox.nextWasSent(inTransaction: true)
        outbox.removeAll(of: [TopicPartition(topic: "events", partition: 0)])
        #expect(outbox.count == 3)
        outbox.recallSent()
        #expect(send(&outbox, inTransaction: true) == [1, 3, 5])
    }

    /// Ten thousand of ten thousand fail: a scan for each would be 10^8 steps.
    @Test func manyRecordsGoAgainInOrder() {
        var outbox = Outbox()
        for offset in 0..<10_000 { outbox.add(letter(Int64(offset % 200))) }
        var tokens: [UInt] = []
        while let next = outbox.next {
            tokens.append(next.token)
            outbox.nextWasSent(inTransaction: false)
        }
        for _ in 0..<3 {
            for _ in tokens { outbox.reported() }
            outbox.sendAgain(tokens.reversed())
            var again: [UInt] = []
            while let next = outbox.next {
                again.append(next.token)
                outbox.nextWasSent(inTransaction: false)
            }
            #expect(again == tokens)
        }
    }

    @Test func whatGoesAloneSharesNoRequest() {
        var outbox = Outbox()
        for offset in 0..<4 { outbox.add(letter(Int64(offset))) }
        let first = outbox.next?.token ?? 0
        for _ in 0..<3 { outbox.nextWasSent(inTransaction: false) }
        // A request of three is refused: each goes alone.
        for token in first..<first + 3 {
            outbox.reported()
            let isFirst = outbox.willGoAlone(token)
            #expect(isFirst)
        }
        outbox.sendAgain([first, first + 1, first + 2])
        for token in first..<first + 3 {
            #expect(outbox.next?.token == token && !outbox.mustNextWait)
            outbox.nextWasSent(inTransaction: false)
            #expect(outbox.mustNextWait)
            // Refused alone, it is given up.
            let isFirst = outbox.willGoAlone(token)
            #expect(!isFirst)
            outbox.reported()
        }
        #expect(!outbox.mustNextWait)
    }

    @Test func manyLettersPassThroughInOrder() {
        var outbox = Outbox()
        var next: Int64 = 0
        for _ in 0..<100 {
            for _ in 0..<40 {
                outbox.add(letter(next % 200))
                next += 1
            }
            _ = send(&outbox, inTransaction: true)
            #expect(outbox.takeSent().count == 40)
        }
        #expect(outbox.count == 0)
    }
}
