import Checkpoints
import Events
import SequenceModels
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
            user: event.user, events: [.init(item: event.item, type: "view", gap: 0)], purchased: [], ids: [], newest: nil,
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
        #expect(ids.bytes.count == 4 + 3 * 24)
        var smaller = RecentIDs(capacity: 2)
        try smaller.restore(ids.bytes)
        #expect((0..<5).map { smaller.isRepetition("\($0)", of: user, at: source(99)) } == [false, false, false, true, true])
        smaller.insert("5", of: user, at: source(5))
        #expect(!smaller.isRepetition("3", of: user, at: source(99)))
        var none = RecentIDs(capacity: 0)
        none.insert("x", of: user, at: source(0))
        #expect(!none.isRepetition("x", of: user, at: source(1)))
    }

    @Test func theNewestOfAUserAreFoundWhateverTheRingHasForgotten() {
        var chance = SeededGenerator(seed: 5)
        var ids = RecentIDs(capacity: 20)
        let users = (0..<4).map { Fixture.user("u\($0)") }
        var inserted: [(user: Int, id: RecentID)] = []
        for number in 0..<500 as Range<UInt64> {
            // A user who is silent for longer than the ring is long comes back.
            let user = chance.next(below: number / 50 % 2 == 0 ? 4 : 2)
            let id = RecentID(name: number &* 0x9E37_79B9_7F4A_7C15, place: number)
            ids.insert(id, of: users[user])
            inserted.append((user, id))
            for user in users.indices {
                let kept = inserted.suffix(20).filter { $0.user == user }.map(\.id)
                #expect(ids.newest(of: users[user], countMax: 7) == Array(kept.suffix(7)))
            }
        }
    }

    @Test func aStateThatDidNotSayWhoseTheIDsWereIsReadToo() throws {
        var writer = ByteWriter()
        var ids = RecentIDs(capacity: 5)
        let user = Fixture.user("u")
        ids.insert("a", of: user, at: RecordSource(topicPartition: Fixture.partition, offset: 3))
        writer.write(UInt32(1))
        // The entry without its user.
        for byte in ids.bytes[4..<20] { writer.write(byte) }
        var restored = RecentIDs(capacity: 5)
        try restored.restore(writer.bytes)
        #expect(restored.isRepetition("a", of: user, at: RecordSource(topicPartition: Fixture.partition, offset: 4)))
        #expect(restored.newest(of: user, countMax: 5) == [])
        restored.insert("b", of: user, at: RecordSource(topicPartition: Fixture.partition, offset: 5))
        #expect(restored.newest(of: user, countMax: 5).count == 1)
        #expect(throws: PayloadError.self) { try restored.restore([UInt8](repeating: 1, count: 21)) }
    }

    @Test func whatComesWithAPartitionPushesOutNoMoreThanItsShare() throws {
        var engine = try Engine(Fixture.configuration { $0.recentIDsMax = 8 })
        for offset in 0..<8 { _ = try engine.take(input("own\(offset)", offset: Int64(offset))) }
        let other = TopicPartition(topic: "events", partition: 1)
        engine.beginAdopting(other, among: 2)
        for number in 0..<6 as Range<UInt64> {
            let session = KeptSession(
                user: Fixture.user("v\(number)"), events: [], purchased: [],
                ids: (0..<3).map { RecentID(name: 1000 + number * 3 + $0, place: 0) }, newest: nil,
                through: RecordSource(topicPartition: other, offset: 0))
            try engine.adopt(session, readingFrom: 1)
        }
        // Nothing is pushed out before all are here.
        #expect(isRepetition(try engine.take(input("own0", offset: 8))))
        engine.cover(other, next: 1)
        #expect(isRepetition(try engine.take(input("own4", offset: 9))))
        #expect(!isRepetition(try engine.take(input("own3", offset: 10))))
        #expect(engine.keptIDs(of: Fixture.user("v5")).map(\.name) == [1015, 1016, 1017])
        #expect(engine.keptIDs(of: Fixture.user("v0")) == [])
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
