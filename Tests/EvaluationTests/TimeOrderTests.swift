import Events
import Testing

@testable import Evaluation

@Suite struct TimeOrderTests {
    private func order(_ times: [Int64]) -> TimeOrder? {
        TimeOrder(of: times.count) { Timestamp(milliseconds: times[$0]) }
    }

    @Test func eventsInOrderAreLeftAsTheyAre() {
        for times in [[], [5], [1, 1, 1], [1, 2, 2, 9]] as [[Int64]] { #expect(order(times) == nil) }
    }

    @Test func eventsAreSortedByTheirTimesAndThoseOfOneMomentStayAsTheyCame() {
        let mixed = order([5, 3, 5, 1, 3, 9])
        #expect(mixed?.places == [3, 1, 4, 0, 2, 5])
        #expect(mixed?.lateCount == 3)
        #expect(order([4, 3, 2, 1])?.places == [3, 2, 1, 0])
        #expect(order([4, 3, 2, 1])?.message == "3 of 4 events stood after a later one; all were sorted by their times")
    }
}
