import Events
import SequenceModels
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

    @Test func noRecordOfTheChangelogStopsTheEngine() throws {
        var chance = SeededGenerator(seed: 21)
        var first = try Engine(Fixture.configuration())
        _ = try first.takeAll(Fixture.circle(40))
        var records: [[UInt8]] = []
        for number in 0..<6 {
            let kept = first.keptSession(of: Fixture.user("u\(number)"), from: Fixture.partition)
            records.append(RecordEncoder.encode(try #require(kept)))
        }
        let numbers = ["0", "-1", "15", "255", "9007199254740992", "-9007199254740992", "9223372036854775806", "1e3", "null"]
        var engine = try Engine(Fixture.configuration { $0.usersMax = 4; $0.recentIDsMax = 3 })
        engine.beginAdopting(Fixture.partition, among: 1)
        var taken = 0
        for round in 0..<3000 as Range<Int64> {
            var bytes = records[chance.next(below: records.count)]
            let places = bytes.indices.filter { bytes[$0] == UInt8(ascii: ":") && (48...57).contains(bytes[$0 + 1]) }
            if chance.next(below: 2) == 0, let place = places.randomElement(using: &chance) {
                let end = bytes[(place + 1)...].firstIndex { !(48...57).contains($0) } ?? place + 1
                bytes.replaceSubrange(place + 1..<end, with: Array(numbers[chance.next(below: numbers.count)].utf8))
            } else {
                bytes[chance.next(below: bytes.count)] = UInt8(truncatingIfNeeded: chance.next())
            }
            guard let session = KeptSession(json: bytes) else { continue }
            taken += 1
            try engine.adopt(session, readingFrom: Int64(chance.next(below: 40)))
            if round % 50 == 0 {
                engine.cover(Fixture.partition, next: 0)
                let next = engine.nextOffsets[Fixture.partition] ?? 0
                _ = try engine.take(Fixture.input(session.user.text, "i1", offset: next))
                _ = engine.keptSession(of: session.user, from: Fixture.partition)
                _ = engine.takeCheckpoint()
            }
        }
        #expect(taken > 500 && engine.userCount <= 4)
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
