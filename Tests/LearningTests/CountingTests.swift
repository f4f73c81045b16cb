import Foundation
import SequenceModels
import Testing

@testable import Learning

@Suite struct CountingTests {
    @Test func aListOfEqualsReadsABoundedPart() {
        var ranking = PopularityRanking(halfLife: 1_000_000)
        let count = ItemIndex(PopularityRanking.equalsMax + 100)
        for item in 0..<count { ranking.observe(item) }
        // The highest row reached two first; all others stand at one.
        ranking.observe(count - 1)
        #expect(ranking.top(1, excluding: []) == [count - 1])
        let listed = ranking.top(5, excluding: [])
        #expect(Set(listed).count == 5 && listed.dropFirst() == listed.dropFirst().sorted()[...])
        // More than the bound is still found where it is asked for.
        #expect(Set(ranking.top(Int(count), excluding: [])).count == Int(count))
    }

    @Test(arguments: [UInt64(1), 2, 3]) func theRankingIsThatOfASort(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var ranking = PopularityRanking(halfLife: 97)
        var counts = [UInt32](repeating: 0, count: 40)
        var known = 0
        var untilHalving = 97
        for step in 0..<3000 {
            let item: Int
            if known < counts.count, step % 211 != 210, generator.next(below: 20) == 0 || known == 0 {
                item = known
                known += 1
            } else {
                item = min(generator.next(below: known), generator.next(below: known))
            }
            if step % 211 == 210 {
                ranking.remove(ItemIndex(item))
                counts[item] = 0
            } else {
                ranking.observe(ItemIndex(item))
                counts[item] += 1
                untilHalving -= 1
                if untilHalving == 0 {
                    for index in counts.indices { counts[index] /= 2 }
                    untilHalving = 97
                }
            }
            if step % 20 == 0 {
                // Among equals the lower row is ahead, whoever was there first.
                let sorted = (0..<known).filter { counts[$0] > 0 && $0 != 3 }.sorted { (counts[$1], $0) < (counts[$0], $1) }
                #expect(ranking.top(7, excluding: [3]) == sorted.prefix(7).map { ItemIndex($0) })
            }
            let listed = ranking.order.map { counts[Int($0)] }
            #expect(listed == counts.prefix(known).sorted(by: >))
            for place in ranking.order.indices {
                let other = ranking.order[place]
                #expect(ranking.count(of: other) == counts[Int(other)])
                #expect(ranking.place(of: other) == (counts[Int(other)] > 0 ? place : nil))
                // Where a list could have it, because fewer are more frequent than it has places.
                let ahead = counts.count { $0 > counts[Int(other)] }
                #expect(ranking.mayList(other, 7) == (counts[Int(other)] > 0 && ahead < 7))
            }
        }
        var restored = PopularityRanking(halfLife: 97)
        restored.restore(counts: Array(counts.prefix(known)), eventsUntilHalving: 5, halvings: 30)
        #expect(restored.top(10, excluding: []) == ranking.top(10, excluding: []))
        let first = ranking.order[0]
        #expect(!ranking.top(10, excluding: [first]).contains(first))
    }

    @Test func rulesWeighByDistanceAndStayBounded() {
        var rules = SequentialRules(stepsMax: 2, successorsMax: 2)
        rules.observe(5, after: [1, 2, 3])
        #expect(rules.top(9, after: 3, excluding: []) == [5])
        #expect(rules.top(9, after: 2, excluding: []) == [5])
        #expect(rules.top(9, after: 1, excluding: []) == [])
        rules.observe(6, after: [3])
        rules.observe(6, after: [3])
        #expect(rules.top(9, after: 3, excluding: []) == [6, 5])
        #expect(rules.top(1, after: 3, excluding: [6]) == [5])
        // A third successor takes the weakest one's place and weight (Space-Saving).
        rules.observe(7, after: [3])
        #expect(rules.top(9, after: 3, excluding: []) == [6, 7])
        rules.remove(3)
        #expect(rules.top(9, after: 3, excluding: []) == [])
    }

    @Test func qualityIsWhatItsDefinitionsSay() {
        var whole = PrequentialQuality(window: nil)
        var recent = PrequentialQuality(window: 3)
        #expect(whole.recall(at: 20) == 0)
        for rank in [1, nil, 4, 20, 21] as [Int?] {
            whole.record(rank: rank)
            recent.record(rank: rank)
        }
        #expect(whole.scored == 5)
        #expect(whole.recall(at: 20) == 3.0 / 5)
        #expect(whole.recall(at: 3) == 1.0 / 5)
        #expect(abs(whole.meanReciprocalRank(at: 20) - (1 + 0.25 + 0.05) / 5) < 1e-12)
        // 1 / log2(1 + rank) at ranks 1 and 4.
        #expect(abs(whole.discountedGain(at: 10) - (1 + 0.430_676_558_073_393_1) / 5) < 1e-12)
        #expect(recent.scored == 3)
        #expect(recent.recall(at: 20) == 2.0 / 3)
    }
}

@Suite struct SessionNeighborsTests {
    @Test func neighboursAreScoredByWhatTheyShareAndWhere() {
        var neighbors = SessionNeighbors(lengthMax: 10)
        var sequence: UInt64 = 0
        func observe(_ session: Int, _ items: [ItemIndex]) {
            for item in items {
                sequence += 1
                neighbors.observe(item, session: session, at: sequence)
            }
        }
        observe(0, [1, 2, 9])
        observe(1, [2, 8])
        observe(2, [1, 7])
        observe(3, [5, 6])
        observe(4, [1, 2])
        // Session 0 shares both items, 1 the newer, 2 the older one; 3 nothing. Weights 1/2 and 1, the newest
        // shared item at distance 1 or 2; each of the items is in one of five sessions.
        let rarity = log(Float(1 + 5))
        let list = neighbors.top(9, after: [1, 2], session: 4, excluding: [])
        let scores = Dictionary(uniqueKeysWithValues: list.map { ($0.item, $0.score) })
        #expect(Set(scores.keys) == [1, 2, 9, 8, 7])
        #expect(abs((scores[9] ?? 0) - 1.5 * 0.9 * rarity) < 1e-5)
        #expect(abs((scores[8] ?? 0) - 1 * 0.9 * rarity) < 1e-5)
        #expect(abs((scores[7] ?? 0) - 0.5 * 0.8 * rarity) < 1e-5)
        #expect(list.map(\.score) == list.map(\.score).sorted(by: >))
        #expect(neighbors.top(2, after: [1, 2], session: 4, excluding: [1, 2]).map(\.item) == [9, 8])

        neighbors.remove(session: 0)
        #expect(neighbors.top(9, after: [1, 2], session: 4, excluding: [1, 2]).map(\.item) == [8, 7])
        // The row is somebody else's now.
        observe(0, [3])
        #expect(neighbors.top(9, after: [1, 2], session: 4, excluding: [1, 2]).map(\.item) == [8, 7])
        neighbors.remove(ItemIndex(8))
        #expect(neighbors.top(9, after: [1, 2], session: 4, excluding: [1, 2]).map(\.item) == [7])
        #expect(neighbors.top(9, after: [99], session: 4, excluding: []).isEmpty)
    }

    @Test func sessionsThatAreGoneTakeNoRoom() {
        var neighbors = SessionNeighbors(lengthMax: 4)
        // Ten rows, used by one session after another: at most ten are alive.
        for turn in 0..<3000 {
            neighbors.remove(session: turn % 10)
            neighbors.observe(1, session: turn % 10, at: UInt64(2 * turn + 1))
            neighbors.observe(2, session: turn % 10, at: UInt64(2 * turn + 2))
        }
        #expect(neighbors.postingCount(of: 1) < 64)
        let list = neighbors.top(5, after: [1], session: 99, excluding: [1])
        // Each of the ten touched both items, and everything is in every session.
        #expect(list.map(\.item) == [2])
    }

    @Test func onlyTheNewestSessionsAndTheNearestAreHeard() {
        var neighbors = SessionNeighbors(lengthMax: 4)
        // Six hundred sessions: item 1, then an item of their own hundred.
        for session in 0..<600 {
            neighbors.observe(1, session: session, at: UInt64(2 * session + 1))
            neighbors.observe(ItemIndex(10 + session / 100), session: session, at: UInt64(2 * session + 2))
        }
        // All are as near: the newest hundred is kept.
        let list = neighbors.top(50, after: [1], session: 999, excluding: [1])
        #expect(list == [SessionNeighbors.Candidate(item: 15, score: list[0].score)])
        #expect(abs(list[0].score - 100 * 0.9 * log(Float(1 + 6))) < 1e-2)
    }
}

extension SessionNeighbors {
    /// Asks with a workspace of its own.
    fileprivate func top(
        _ count: Int, after window: [ItemIndex], session: Int, excluding excluded: ItemSet
    ) -> [Candidate] {
        var query = Query()
        return top(count, after: window, session: session, excluding: excluded, using: &query)
    }
}
