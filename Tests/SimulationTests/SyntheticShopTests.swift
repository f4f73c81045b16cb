import Events
import Testing

@testable import Simulation

@Suite struct SyntheticShopTests {
    private func events(_ count: Int, seed: UInt64 = 1) -> [Event] {
        var configuration = SyntheticShop.Configuration()
        configuration.seed = seed
        var shop = SyntheticShop(configuration)
        return (0..<count).map { _ in shop.next() }
    }

    @Test func theSeedIsTheShop() {
        #expect(events(2000) == events(2000))
        #expect(events(2000) != events(2000, seed: 2))
    }

    @Test func timeRunsAndNewItemsOpen() {
        let events = events(20_000)
        let times = events.map(\.timestamp)
        #expect(times == times.sorted())
        let elapsed = times[500].milliseconds - times[0].milliseconds
        #expect(elapsed == 1000)
        let (early, late) = (Set(events.prefix(5000).map(\.item)), Set(events.suffix(5000).map(\.item)))
        #expect(late.subtracting(early).count > 20)
        let itemsMax = 40 + 12 * 30 + 200
        #expect(Set(events.map(\.item)).count <= itemsMax)
        #expect(events.contains { $0.type == "purchase" })
    }

    /// What follows a bestseller depends on the item before it: the last item alone does not tell.
    @Test func theItemBeforeTellsMoreThanTheLastAlone() {
        var last: [UserID: (Int, Int)] = [:]
        var (byLast, byBoth): ([Int: [Int: Int]], [Int: [Int: Int]]) = ([:], [:])
        for event in events(60_000) {
            let item = Int(event.item.text.dropFirst()) ?? 0
            if let (before, previous) = last[event.user], previous < 40, before >= 40, item >= 40 {
                byLast[previous, default: [:]][item % 12, default: 0] += 1
                byBoth[previous * 12 + before % 12, default: [:]][item % 12, default: 0] += 1
            }
            last[event.user] = (last[event.user]?.1 ?? 0, item)
        }
        func hitRate(_ table: [Int: [Int: Int]]) -> Double {
            let best = table.values.reduce(0) { $0 + ($1.values.max() ?? 0) }
            return Double(best) / Double(table.values.reduce(0) { $0 + $1.values.reduce(0, +) })
        }
        #expect(hitRate(byBoth) > 2 * hitRate(byLast), "\(hitRate(byBoth)) against \(hitRate(byLast))")
    }
}
