import Testing

@testable import Engine

@Suite struct RecencyTests {
    @Test func theOldestIsThatOfAList() {
        var recency = RecencyList()
        var oracle: [Int] = []
        var state: UInt64 = 1
        for row in 0..<10 {
            recency.append()
            recency.touch(row)
            oracle.append(row)
        }
        for _ in 0..<5000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let row = Int(state >> 33) % 10
            oracle.removeAll { $0 == row }
            if state >> 60 < 3 {
                recency.remove(row)
            } else {
                recency.touch(row)
                oracle.append(row)
            }
            #expect(recency.oldest == oracle.first.map(Int32.init) ?? RecencyList.none)
            #expect(recency.newest == oracle.last.map(Int32.init) ?? RecencyList.none)
        }
    }
}
