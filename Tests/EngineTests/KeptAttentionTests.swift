import Events
import Testing

@testable import Engine

/// An engine whose attention goes on from what it keeps of the list before.
@Suite struct KeptAttentionTests {
    private func engine(
        _ encoder: EngineConfiguration.Encoder = .attention, keeps: Bool = true, threads: Int = 1, usersMax: Int = 100
    ) throws -> Engine {
        try Engine(
            Fixture.configuration {
                $0.encoder = encoder
                $0.keepsKeysAndValues = keeps
                $0.threads = threads
                $0.usersMax = usersMax
                $0.learner.window = 12
                $0.learner.temperature = 0.1
                $0.sessionLengthMax = 20
                $0.rules = ListRules(count: 10, exclusions: [])
            })
    }

    /// Users who take turns, in groups: each session grows past the window.
    private func lists(of engine: inout Engine, users: Int = 30, rounds: Int = 25) throws -> [[ScoredItem]] {
        var lists: [[ScoredItem]] = []
        for round in 0..<rounds {
            let batch = (0..<users).map { user in
                Fixture.input("u\(user)", "i\((user * 7 + round * (1 + user % 3)) % 40)", offset: Int64(round * users + user))
            }
            lists += try engine.answer(batch, now: Timestamp(milliseconds: 0)).compactMap(\.items)
            try engine.learn(replay: .configured, batch: 16)
        }
        return lists
    }

    private func learned(_ engine: inout Engine) -> [String: [UInt8]] {
        engine.takeCheckpoint().blobs.filter { $0.key.hasPrefix("attention.") }
    }

    @Test func itsListsAreNearlyThoseOfWholeWindows() throws {
        var keeping = try engine()
        var whole = try engine(keeps: false)
        let (kept, made) = (try lists(of: &keeping), try lists(of: &whole))
        #expect(kept.count == 750 && made.count == 750)
        // Before a session is long enough nothing is kept.
        #expect(kept.prefix(210) == made.prefix(210))
        #expect(kept != made)
        // What is learned does not depend on the lists.
        let isSame = learned(&keeping) == learned(&whole)
        #expect(isSame)
        let shared = zip(kept, made).reduce(0) { $0 + Set($1.0.map(\.item)).intersection($1.1.map(\.item)).count }
        #expect(Double(shared) > 0.97 * 7500, "\(shared) of 7500")
        #expect(keeping.members[0].snapshot.keptSessionCount == 30 && whole.members[0].snapshot.keptSessionCount == 0)
    }

    @Test(arguments: [EngineConfiguration.Encoder.attention, .ensemble], [2, 3])
    func threadsChangeNoBit(encoder: EngineConfiguration.Encoder, threads: Int) throws {
        var alone = try engine(encoder)
        var shared = try engine(encoder, threads: threads)
        let isSame = try lists(of: &alone) == lists(of: &shared)
        #expect(isSame)
        let hasSameState = alone.takeCheckpoint().blobs == shared.takeCheckpoint().blobs
        #expect(hasSameState)
    }

    /// What HTTP asks in between is no event: the lists that follow are the same.
    @Test func aQuestionLeavesWhatIsKept() throws {
        var asked = try engine()
        var quiet = try engine()
        _ = try lists(of: &asked)
        _ = try lists(of: &quiet)
        for user in 0..<30 {
            _ = try asked.recommendation(
                for: Fixture.user("u\(user)"), rules: asked.currentConfiguration.rules, now: Timestamp(milliseconds: 0))
        }
        let batch = (0..<30).map { Fixture.input("u\($0)", "i\($0)", offset: Int64(1000 + $0)) }
        let now = Timestamp(milliseconds: 0)
        #expect(try asked.answer(batch, now: now).map(\.items) == quiet.answer(batch, now: now).map(\.items))
    }

    @Test func nothingIsKeptOfUsersWhoAreGone() throws {
        var engine = try engine(usersMax: 30)
        _ = try lists(of: &engine)
        let now = Timestamp(milliseconds: 0)
        func kept() -> Int { engine.members[0].snapshot.keptSessionCount }
        #expect(kept() == 30)
        _ = try engine.answer([Fixture.forget("u3", offset: 1000)], now: now)
        #expect(kept() == 29)
        // One more takes the free place, the next that of the least recently active.
        _ = try engine.answer([Fixture.input("x", "i1", offset: 1001)], now: now)
        #expect(kept() == 29)
        _ = try engine.answer([Fixture.input("y", "i1", offset: 1002)], now: now)
        #expect(kept() == 28)
        engine.release(Fixture.partition)
        #expect(kept() == 0)
    }

    @Test func aModelThatGoesBackForgetsAll() throws {
        var engine = try engine()
        _ = try lists(of: &engine)
        #expect(engine.members[0].snapshot.keptSessionCount == 30)
        try engine.rollBack(engine.members[0], .degraded)
        #expect(engine.members[0].snapshot.keptSessionCount == 0)
    }
}
