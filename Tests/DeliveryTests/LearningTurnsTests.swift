import Engine
import Events
import Streaming
import Testing

@testable import Delivery

/// When a loop learns what it has answered.
@Suite struct LearningTurnsTests {
    private let consumer = ScriptedConsumer()
    private let producer: ScriptedProducer

    /// Users of the scripted stream: the first event of each has nothing before it to learn from.
    private static let users = 3

    init() { producer = ScriptedProducer(consumer) }

    private func loop(reading counts: [Int]) throws -> DeliveryLoop<ScriptedWorld> {
        var loop = try ScriptedWorld.loop(
            .atLeastOnce, consumer, producer, store: ScriptedStore(), engine: try ScriptedWorld.engine())
        consumer.polls = [[.assigned([ScriptedWorld.events])]]
        try loop.turn()
        var next: Int64 = 0
        consumer.polls = counts.map { count in
            defer { next += Int64(count) }
            return (next..<next + Int64(count)).map { ScriptedWorld.record($0) }
        }
        return loop
    }

    @Test func whatComesMeanwhileIsAnsweredFirst() throws {
        var loop = try loop(reading: [40, 1])
        try loop.turn()
        #expect(producer.visible.count == 40)
        let left = 40 - Self.users - loop.engine.learningBatch
        #expect(loop.engine.unlearnedCount == left)
        try loop.turn()
        #expect(producer.visible.count == 41)
        #expect(loop.engine.unlearnedCount == left + 1 - loop.engine.learningBatch)
        for _ in 0..<3 { try loop.turn() }
        #expect(loop.engine.unlearnedCount == 0)
    }

    @Test func aStreamThatIsBehindIsLearnedAsItIsRead() throws {
        var loop = try loop(reading: [DeliveryConfiguration().batchMax])
        try loop.turn()
        #expect(loop.engine.unlearnedCount == 0 && loop.engine.modelVersion > 0)
    }

    @Test func whatIsLearnedDoesNotDependOnWhatCameMeanwhileWhereThatIsAsked() throws {
        var loop = try loop(reading: [40])
        loop.configuration.isReproducible = true
        try loop.turn()
        #expect(loop.engine.unlearnedCount == 0)
        #expect(loop.engine.modelVersion == UInt64(40 - Self.users))
    }

    @Test func theLastCheckpointHasEverythingLearned() throws {
        var loop = try loop(reading: [40])
        try loop.turn()
        #expect(loop.engine.unlearnedCount > 0)
        try loop.drain()
        #expect(loop.engine.unlearnedCount == 0)
    }
}
