import Events
import Testing

@testable import Engine
@testable import Learning

@Suite struct EngineTests {
    private func engine(_ change: (inout EngineConfiguration) -> Void = { _ in }) throws -> Engine {
        try Engine(Fixture.configuration(change))
    }

    @Test func learnsWhatFollowsWhat() throws {
        // Visits take six events: of histories cut to eight every one begins with two events and a jump to another visit,
        // and replay would teach that two events are always followed by one.
        var engine = try engine { $0.sessionLengthMax = 50 }
        _ = try engine.takeAll(Fixture.circle(2000))
        var found = 0
        for start in 0..<12 {
            let user = "new\(start)"
            let offset = Int64(10_000 + 2 * start)
            _ = try engine.take(Fixture.input(user, "i\(start)", offset: offset))
            let answer = try engine.take(Fixture.input(user, "i\((start + 1) % 12)", offset: offset + 1))
            if answer.names?.first == "i\((start + 2) % 12)" { found += 1 }
        }
        #expect(found >= 10, "\(found) of 12")
        let quality = try #require(engine.quality["gru"])
        #expect(quality.recall(at: 1) > 0.5)
        #expect(quality.scored > 400)
    }

    @Test func aListIsMadeBeforeItsEventIsLearned() throws {
        var engine = try engine()
        let before = engine.modelVersion
        let answers = try engine.answer(Fixture.circle(3), now: Timestamp(milliseconds: 0))
        #expect(answers.count == 3)
        guard case .list(let list) = answers[2] else { throw Unexpected() }
        #expect(list.model.version == before)
        try engine.learn(replay: .none, batch: 1)
        // The first event of a user has nothing before it to learn from.
        let after = engine.modelVersion
        #expect(after == before + 2)
        #expect(list.source == RecordSource(topicPartition: Fixture.partition, offset: 2))
        #expect(list.asOf.milliseconds == 1_767_225_600_002)
        #expect(list.user.text == "u0")
    }

    @Test(arguments: [(Replay.configured, 5), (.none, Engine.pressedPositions)])
    func aStreamThatIsBehindLearnsWhatIsNewest(replay: Replay, positions: Int) throws {
        var engine = try engine { $0.learner.replayRatio = 0 }
        let visit = (0..<6).map { Fixture.input("u", "i\($0)", offset: Int64($0)) }
        _ = try engine.answer(visit, now: Timestamp(milliseconds: 0))
        #expect(engine.unlearnedCount == 5)
        try engine.learn(replay: replay, batch: 1)
        #expect(engine.members[0].learner.shares[0].positionCount == positions)
    }

    @Test func listsFallWithoutDuplicatesAndObeyTheRules() throws {
        var engine = try engine { $0.rules = ListRules(count: 7, exclusions: [.current, .purchased]) }
        _ = try engine.takeAll(Fixture.circle(300))
        _ = try engine.take(Fixture.input("buyer", "i3", type: "purchase", offset: 1000))
        let answer = try engine.take(Fixture.input("buyer", "i4", offset: 1001))
        let items = try #require(answer.items)
        #expect(items.count == 7)
        #expect(Set(items.map(\.item)).count == 7)
        #expect(items.map(\.score) == items.map(\.score).sorted(by: >))
        #expect(!items.contains { $0.item.text == "i3" || $0.item.text == "i4" })
        #expect(items.contains { $0.because != nil })
        #expect(items.allSatisfy { $0.because.map { ["i3", "i4"].contains($0.text) } ?? true })
        let seen = try engine.recommendation(
            for: Fixture.user("u1"), rules: ListRules(count: 20, exclusions: [.seen]), now: Timestamp(milliseconds: 0))
        // Twelve items, of which the visit of u1 saw its newest eight.
        #expect(seen.list.items.count == 12 - 8)
        #expect(!seen.isFallback)
    }

    @Test func anUnknownUserGetsThePopularList() throws {
        var engine = try engine()
        let empty = try engine.recommendation(
            for: Fixture.user("nobody"), rules: ListRules(count: 3, exclusions: []), now: Timestamp(milliseconds: 5))
        #expect(empty.isFallback)
        #expect(empty.list.items.isEmpty)
        for (offset, item) in ["a", "b", "b", "c", "b", "c"].enumerated() {
            _ = try engine.take(Fixture.input("u\(offset)", item, offset: Int64(offset)))
        }
        let popular = try engine.recommendation(
            for: Fixture.user("nobody"), rules: ListRules(count: 2, exclusions: []), now: Timestamp(milliseconds: 5))
        #expect(popular.list.items.map(\.item.text) == ["b", "c"])
        #expect(popular.list.source == nil)
    }

    @Test func whatWasLearnedIsNotLearnedAgain() throws {
        var engine = try engine()
        _ = try engine.takeAll(Fixture.circle(50))
        let (version, events, next) = (engine.modelVersion, engine.eventCount, engine.nextOffsets)
        let again = try engine.takeAll(Fixture.circle(50))
        #expect(again.allSatisfy { $0.items?.isEmpty == false })
        let after = (engine.modelVersion, engine.eventCount, engine.nextOffsets)
        #expect(after == (version, events, next))
        #expect(next == [Fixture.partition: 50])
        let silent = try engine.take(Fixture.input("u0", "i0", offset: 7, wantsAnswer: false))
        guard case .none(let source) = silent else { throw Unexpected() }
        #expect(source.offset == 7)
    }

    @Test func aSkippedRecordMovesTheWatermarkAndNothingElse() throws {
        var engine = try engine()
        _ = try engine.takeAll(Fixture.circle(4))
        engine.skip(RecordSource(topicPartition: Fixture.partition, offset: 4))
        engine.skip(RecordSource(topicPartition: Fixture.partition, offset: 2))
        let (events, next) = (engine.eventCount, engine.nextOffsets)
        #expect(events == 4)
        #expect(next == [Fixture.partition: 5])
    }

    @Test func aForgottenUserLeavesNothing() throws {
        var engine = try engine()
        _ = try engine.takeAll(Fixture.circle(12))
        let users = engine.userCount
        guard case .tombstone(let user, _) = try engine.take(Fixture.forget("u0", offset: 12)) else { throw Unexpected() }
        #expect(user.text == "u0")
        #expect(engine.userCount == users - 1)
        let list = try engine.recommendation(
            for: Fixture.user("u0"), rules: ListRules(count: 3, exclusions: []), now: Timestamp(milliseconds: 5))
        #expect(list.isFallback)
        let checkpoint = engine.takeCheckpoint()
        #expect(checkpoint.removedUsers == [Fixture.user("u0")])
        #expect(!checkpoint.users.contains { $0.id == Fixture.user("u0") })
        let again = engine.forget(Fixture.user("u0"))
        #expect(!again)
    }

    @Test func boundsHoldAndTheLeastRecentlyActiveLeave() throws {
        var engine = try engine {
            $0.usersMax = 3
            $0.learner.itemsMax = 20
            $0.sessionLengthMax = 4
        }
        for offset in 0..<400 {
            _ = try engine.take(Fixture.input("u\(offset % 7)", "i\(offset % 45)", offset: Int64(offset)))
            let (users, items) = (engine.userCount, engine.itemCount)
            #expect(users <= 3 && items <= 20)
        }
        // 399 % 7 == 0: the newest three users are 5, 6 and 0; the newest item is i39.
        for name in ["u5", "u6", "u0"] {
            let known = engine.sessions.row(of: Fixture.user(name)) != nil
            #expect(known, "\(name)")
        }
        let (newest, oldest) = (engine.row(of: Fixture.item("i39")), engine.row(of: Fixture.item("i19")))
        #expect(newest != nil && oldest == nil)
        let lengths = (0..<engine.sessions.rowCount).map { engine.sessions[$0].entries.count }
        #expect(lengths.allSatisfy { $0 <= 4 })
    }

    @Test func aRowThatWentToAnotherItemIsNotRemembered() throws {
        var engine = try engine { $0.learner.itemsMax = 16 }
        _ = try engine.take(Fixture.input("u", "old", offset: 0))
        for offset in 1...16 { _ = try engine.take(Fixture.input("v\(offset)", "n\(offset)", offset: Int64(offset))) }
        let gone = engine.row(of: Fixture.item("old"))
        #expect(gone == nil)
        let row = try #require(engine.sessions.row(of: Fixture.user("u")))
        let window = engine.window(of: engine.sessions[row].entries.suffix(engine.windowMax))
        #expect(window.isEmpty)
    }

    @Test func anEventOfWeightZeroIsContextOnly() throws {
        var engine = try engine { $0.eventWeights = ["impression": 0] }
        _ = try engine.take(Fixture.input("u", "a", offset: 0))
        _ = try engine.take(Fixture.input("u", "b", type: "impression", offset: 1))
        #expect(engine.modelVersion == 0)
        _ = try engine.take(Fixture.input("u", "c", offset: 2))
        #expect(engine.modelVersion == 1)
    }

    @Test func theSameEventsAndSeedGiveTheSameBits() throws {
        var runs: [[EngineAnswer]] = []
        for _ in 0..<2 {
            var engine = try engine()
            runs.append(try engine.takeAll(Fixture.circle(200)))
        }
        #expect(runs[0].map(\.items) == runs[1].map(\.items))
        var other = try engine { $0.learner.seed = 2 }
        let answers = try other.takeAll(Fixture.circle(200))
        #expect(answers.map(\.items) != runs[0].map(\.items))
    }
}

struct Unexpected: Error {}
