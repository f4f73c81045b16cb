import Testing

@testable import Events

@Suite struct ListQueryTests {
    @Test func takesWhatIsSaid() throws {
        #expect(try ListQuery(count: nil, exclude: nil) == ListQuery())
        #expect(try ListQuery(count: "1000", exclude: "seen,current,seen") == ListQuery(count: 1000, exclusions: [.seen, .current]))
        #expect(try ListQuery(count: "1", exclude: "none").exclusions == [])
        #expect(try ListQuery(count: nil, exclude: "").exclusions == [])
    }

    @Test(arguments: ["0", "1001", "-1", "", " 5", "5.0", "1e3", "99999999999999999999", "٥", "0x10"])
    func refusesACountThatIsNone(text: String) {
        #expect(throws: ListQueryRefusal(message: "count is \(text), not a whole number from 1 to 1000")) {
            try ListQuery(count: text, exclude: nil)
        }
    }

    /// Any text is a query within its bounds, or refused with what was wrong with it.
    @Test func anyTextIsTakenOrRefused() {
        var generator = TestBytes(state: 11)
        let words = ["none", "seen", "current", "purchased", ",", "12", "999", "-", "\u{0}", "é", "1001"]
        var (taken, refused) = (0, 0)
        for _ in 0..<20_000 {
            func text() -> String {
                (0..<Int(generator.next() % 4)).map { _ in words[Int(generator.next()) % words.count] }.joined()
            }
            let (count, exclude) = (text(), text())
            do throws(ListQueryRefusal) {
                let query = try ListQuery(count: count, exclude: exclude)
                #expect(query.count.map { (1...ListQuery.countMax).contains($0) } == true)
                taken += 1
            } catch {
                #expect(error.message.hasPrefix("count is \(count), ") || error.message.hasPrefix("exclude has "))
                refused += 1
            }
        }
        #expect(taken > 100 && refused > 10_000)
    }

    private struct TestBytes {
        var state: UInt64

        mutating func next() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }
}
