import CAllocations
import Events
import SequenceModels
import Testing

@testable import Engine

/// Blocks of memory that an event asks for once everything has grown: none.
@Suite struct AllocationTests {
    private static let partition = TopicPartition(topic: "events", partition: 0)
    private static let batch = 16

    /// Users go about few items: every rule, session and list has been as long as it gets.
    private struct Visits {
        var generator = SeededGenerator(seed: 5)
        var offset: Int64 = 0

        mutating func next() throws -> EngineInput {
            offset += 1
            let user = try #require(UserID("u\(generator.next(below: 20))"))
            let item = try #require(ItemID("i\(generator.next(below: 30))"))
            let event = Event(user: user, item: item, timestamp: Timestamp(milliseconds: 1_767_225_600_000 + 1000 * offset))
            return EngineInput(
                content: .event(event), source: RecordSource(topicPartition: AllocationTests.partition, offset: offset),
                wantsAnswer: true)
        }
    }

    @Test(
        .enabled(if: !_isDebugAssertConfiguration(), "in a debug build closures and generics ask for memory"),
        arguments: [EngineConfiguration.Encoder.gru, .ensemble])
    func anEventAsksForNothing(encoder: EngineConfiguration.Encoder) throws {
        var configuration = EngineConfiguration()
        (configuration.encoder, configuration.threads) = (encoder, 1)
        (configuration.learner.dimensions, configuration.learner.itemsMax, configuration.usersMax) = (16, 100, 100)
        configuration.learner.temperature = 0.08
        configuration.sessionLengthMax = 30
        var engine = try Engine(configuration)
        var visits = Visits()
        var answers: [EngineAnswer] = []
        func step() throws -> UInt64 {
            let inputs = try (0..<Self.batch).map { _ in try visits.next() }
            let before = ca_thread_allocations()
            try engine.answer(inputs, now: Timestamp(milliseconds: 0), into: &answers)
            try engine.learn(replay: .configured, batch: 4)
            let asked = ca_thread_allocations() - before
            #expect(answers.count == Self.batch)
            return asked
        }
        // Arrays have grown once the longest of everything has come: when that is, chance says.
        var asked = UInt64.max
        for _ in 0..<12 where asked > 0 {
            asked = 0
            for _ in 0..<100 { asked += try step() }
        }
        #expect(asked == 0, "in \(100 * Self.batch) events")
        // The counter is there: a list that somebody holds lends nothing.
        let held = answers
        #expect(try step() >= UInt64(held.count))
    }

    /// Lists are made now by one desk and now by both, as users come once or several times in a batch: what comes back
    /// neither piles up at one of them, nor leaves the other without.
    @Test func memoryOfListsGoesWhereTheyAreMade() throws {
        var configuration = EngineConfiguration()
        (configuration.encoder, configuration.threads) = (.gru, 2)
        (configuration.learner.dimensions, configuration.learner.itemsMax, configuration.usersMax) = (16, 100, 100)
        var engine = try Engine(configuration)
        var visits = Visits()
        var answers: [EngineAnswer] = []
        for _ in 0..<300 {
            let inputs = try (0..<Self.batch).map { _ in try visits.next() }
            try engine.answer(inputs, now: Timestamp(milliseconds: 0), into: &answers)
            #expect(answers.count == Self.batch && engine.desks.allSatisfy { $0.lists.isEmpty })
            #expect(engine.spareLists.count <= Self.batch)
        }
        // A batch of more than are ever kept.
        answers = (0..<2 * Engine.spareListsMax).flatMap { _ in answers.prefix(1) }
        try engine.answer([], now: Timestamp(milliseconds: 0), into: &answers)
        #expect(answers.isEmpty && engine.spareLists.count == Engine.spareListsMax)
    }
}
