import Events
import Testing

@testable import Engine

/// Sessions that go from one engine to another.
@Suite struct MovingTests {
    @Test func anAdoptedSessionIsTheOneThatWasKeptWhateverTheRows() throws {
        var first = try Engine(Fixture.configuration())
        _ = try first.takeAll(Fixture.circle(60))
        _ = try first.take(Fixture.input("u1", "bought", type: "purchase", offset: 60))
        let user = Fixture.user("u1")
        let found1 = first.keptSession(of: user, from: Fixture.partition)
        let kept = try #require(found1)
        #expect(kept.events.last?.item.text == "bought")
        #expect(kept.events.last?.type == "purchase")
        #expect(kept.purchased.map(\.item.text) == ["bought"])
        #expect(kept.through.offset == 60)

        var second = try Engine(Fixture.configuration())
        // Other items have the first rows here.
        for place in 0..<5 { _ = try second.take(Fixture.input("x", "other\(place)", offset: Int64(place))) }
        let version = second.modelVersion
        try second.adopt(kept, readingFrom: 61)
        #expect(second.modelVersion == version)
        second.cover(Fixture.partition, next: 61)
        let same = second.keptSession(of: user, from: Fixture.partition)
        #expect(same == kept)
        // And it is served as a session, not as a stranger's.
        let answer = try second.recommendation(
            for: user, rules: ListRules(count: 3, exclusions: []), now: Timestamp(milliseconds: 1_767_225_600_000))
        #expect(!answer.isFallback)
    }

    @Test func anAdoptedSessionSurvivesACheckpoint() throws {
        var first = try Engine(Fixture.configuration())
        _ = try first.takeAll(Fixture.circle(30))
        let found2 = first.keptSession(of: Fixture.user("u1"), from: Fixture.partition)
        let kept = try #require(found2)
        var second = try Engine(Fixture.configuration())
        try second.adopt(kept, readingFrom: 10)
        second.cover(Fixture.partition, next: 10)
        let checkpoint = second.takeCheckpoint()
        var restorer = try EngineRestorer(Fixture.configuration(), stored: checkpoint.model)
        for row in checkpoint.items { try restorer.add(row) }
        for row in checkpoint.users { try restorer.add(row) }
        var restored = try restorer.finish(blobs: checkpoint.blobs, offsets: checkpoint.offsets)
        let found3 = restored.keptSession(of: Fixture.user("u1"), from: Fixture.partition)
        let same = try #require(found3)
        #expect(same.events == kept.events)
        // What it had beyond where reading goes on is known after the crash too.
        _ = try restored.take(Fixture.input("u1", "again", offset: 29))
        let unchanged = restored.keptSession(of: Fixture.user("u1"), from: Fixture.partition)
        #expect(unchanged?.events == kept.events)
        _ = try restored.take(Fixture.input("u1", "new", offset: 30))
        let grown = restored.keptSession(of: Fixture.user("u1"), from: Fixture.partition)
        #expect(grown?.events.last?.item.text == "new")
    }

    @Test func aReleasedPartitionTakesItsUsersAndNoOthers() throws {
        var engine = try Engine(Fixture.configuration())
        let other = TopicPartition(topic: "events", partition: 1)
        _ = try engine.take(Fixture.input("a", "i1", offset: 0))
        let event = Event(user: Fixture.user("b"), item: Fixture.item("i2"), timestamp: Timestamp(milliseconds: 1_767_225_600_000))
        _ = try engine.take(
            EngineInput(content: .event(event), source: RecordSource(topicPartition: other, offset: 5), wantsAnswer: true))
        engine.release(Fixture.partition)
        #expect(engine.userCount == 1)
        let other2 = engine.keptSession(of: Fixture.user("b"), from: other)
        #expect(other2 != nil)
        #expect(engine.nextOffsets == [other: 6])
        let offsets = engine.takeCheckpoint().offsets
        #expect(offsets == [other: 6])
    }
}
