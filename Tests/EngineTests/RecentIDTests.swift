import Events
import Testing

@testable import Engine

@Suite struct RecentIDTests {
    private func input(_ id: String?, user: String = "u1", item: String = "i1", offset: Int64, partition: Int32 = 0) -> EngineInput {
        let event = Event(
            user: Fixture.user(user), item: Fixture.item(item), timestamp: Timestamp(milliseconds: 1_767_225_600_000), id: id)
        let place = TopicPartition(topic: "events", partition: partition)
        return EngineInput(
            content: .event(event), source: RecordSource(topicPartition: place, offset: offset), wantsAnswer: true)
    }

    private func isRepetition(_ answer: EngineAnswer) -> Bool {
        if case .repetition = answer { true } else { false }
    }

    @Test func aCopyOfWhatAnAdoptedSessionHasIsKnown() throws {
        var engine = try Engine(Fixture.configuration())
        let first = input("a", offset: 4)
        guard case .event(let event) = first.content else { return }
        let kept = KeptSession(
            user: event.user, events: [.init(item: event.item, type: "view", gap: 0)], purchased: [], newest: nil,
            through: RecordSource(topicPartition: Fixture.partition, offset: 4))
        try engine.adopt(kept, readingFrom: 4)
        engine.cover(Fixture.partition, next: 4)
        // In the session already: answered, and taken in no more. Its copy is neither.
        #expect(!isRepetition(try engine.take(first)))
        #expect(isRepetition(try engine.take(input("a", offset: 5))))
        let session = engine.keptSession(of: event.user, from: Fixture.partition)
        #expect(session?.events.count == 1)
    }

    @Test func aSecondCopyIsNeitherLearnedNorAnswered() throws {
        var engine = try Engine(Fixture.configuration())
        for offset in 0..<4 { _ = try engine.take(input("id\(offset)", item: "i\(offset)", offset: Int64(offset))) }
        let (version, events) = (engine.modelVersion, engine.eventCount)
        #expect(isRepetition(try engine.take(input("id2", item: "i2", offset: 4))))
        #expect(isRepetition(try engine.take(input("id3", item: "i3", offset: 0, partition: 1))))
        #expect(engine.modelVersion == version && engine.eventCount == events)
        #expect(engine.nextOffsets[Fixture.partition] == 5)
        // Both in one batch: the first counts.
        let answers = try engine.answer([input("new", offset: 5), input("new", offset: 6)], now: Timestamp(milliseconds: 1_767_225_600_000))
        try engine.learn(replay: .none, batch: 1)
        #expect(answers.map(isRepetition) == [false, true])
    }

    @Test func theFirstCopyReadAgainIsAnsweredTheSecondIsNot() throws {
        var engine = try Engine(Fixture.configuration())
        _ = try engine.takeAll([input("a", offset: 0), input("a", offset: 1)])
        #expect(try engine.take(input("a", offset: 0)).names != nil)
        #expect(isRepetition(try engine.take(input("a", offset: 1))))
        #expect(engine.eventCount == 1)
    }

    @Test func anIDIsItsUsersOwnAndNoIDIsNone() throws {
        var engine = try Engine(Fixture.configuration())
        _ = try engine.takeAll([
            input("a", offset: 0), input("a", user: "u2", offset: 1), input(nil, offset: 2), input(nil, offset: 3),
        ])
        #expect(engine.eventCount == 4)
    }

    @Test func theOldestIsForgottenFirstAndAtMostTheBoundIsKept() throws {
        var ids = RecentIDs(capacity: 3)
        let user = Fixture.user("u")
        let source = { RecordSource(topicPartition: Fixture.partition, offset: $0) }
        for offset in 0..<5 { ids.insert("\(offset)", of: user, at: source(Int64(offset))) }
        #expect((0..<5).map { ids.isRepetition("\($0)", of: user, at: source(99)) } == [false, false, true, true, true])
        #expect(ids.bytes.count == 4 + 48)
        var smaller = RecentIDs(capacity: 2)
        try smaller.restore(ids.bytes)
        #expect((0..<5).map { smaller.isRepetition("\($0)", of: user, at: source(99)) } == [false, false, false, true, true])
        smaller.insert("5", of: user, at: source(5))
        #expect(!smaller.isRepetition("3", of: user, at: source(99)))
        var none = RecentIDs(capacity: 0)
        none.insert("x", of: user, at: source(0))
        #expect(!none.isRepetition("x", of: user, at: source(1)))
    }

    @Test func whatIsKnownSurvivesACrash() throws {
        var engine = try Engine(Fixture.configuration())
        _ = try engine.takeAll([input("a", offset: 0), input("b", offset: 1)])
        let checkpoint = engine.takeCheckpoint()
        var restorer = try EngineRestorer(Fixture.configuration(), stored: checkpoint.model)
        for row in checkpoint.items { try restorer.add(row) }
        for row in checkpoint.users { try restorer.add(row) }
        var restored = try restorer.finish(blobs: checkpoint.blobs, offsets: checkpoint.offsets)
        #expect(isRepetition(try restored.take(input("a", offset: 2))))
        #expect(restored.recentIDs.bytes == engine.recentIDs.bytes)
    }
}
