import Learning
import SequenceModels
import Testing

@testable import Engine

@Suite struct YardstickTests {
    /// Ranks are told without making the lists; they are those of the lists.
    @Test func ranksAreThoseOfTheLists() throws {
        var yardsticks = Yardsticks(withNeighbors: nil)
        var generator = SeededGenerator(seed: 5)
        var query = Yardsticks.Query()
        var sessions = [[ItemIndex]](repeating: [], count: 30)
        var found = 0
        for sequence in 1...3000 {
            let session = generator.next(below: sessions.count)
            // Few items of many come often, so that lists are filled up with them.
            let item = ItemIndex(min(generator.next(below: 200), generator.next(below: 200)))
            if sequence % 5 == 0, let last = sessions[session].last {
                let candidates = yardsticks.candidates(
                    after: [last], session: session, excluding: [], neighborsMax: nil, using: &query)
                func told(of item: ItemIndex?, count: Int) -> [(model: String, rank: Int?)] {
                    var (ranks, popular): ([(model: String, rank: Int?)], [ItemIndex]) = ([], [])
                    yardsticks.tellRanks(of: item, after: last, count: count, using: &popular) { ranks.append(($0, $1)) }
                    return ranks
                }
                for count in [1, 5, 20] {
                    let ranks = told(of: item, count: count)
                    let lists = yardsticks.lists(count: count, candidates, excluding: [])
                    #expect(ranks.count == lists.count && Set(ranks.map(\.model)) == Set(lists.keys))
                    for (name, rank) in ranks {
                        let expected = lists[name]?.firstIndex(of: item).map { $0 + 1 }
                        #expect(rank == expected, "\(name) at \(sequence)")
                        if expected != nil { found += 1 }
                    }
                    #expect(told(of: nil, count: count).allSatisfy { $0.rank == nil })
                }
            }
            yardsticks.observe(item, after: Array(sessions[session].suffix(10)), session: session, at: UInt64(sequence))
            sessions[session].append(item)
        }
        #expect(found > 100)
    }
}
