import Checkpoints
import Events
import Testing

@testable import Engine

/// An engine that went through a checkpoint goes on as the one that did not: bit for bit.
@Suite struct CheckpointTests {
    /// What a store would hold: checkpoints laid over each other.
    private struct Stored {
        var model = ModelDescription(encoder: "", dimensions: 0, modelVersion: 0)
        var items: [UInt32: ItemRow] = [:]
        var users: [UserID: UserRow] = [:]
        var blobs: [String: [UInt8]] = [:]
        var offsets: [TopicPartition: Int64] = [:]

        mutating func take(_ checkpoint: Checkpoint) {
            model = checkpoint.model
            for row in checkpoint.items { items[row.index] = row }
            if checkpoint.replacesUsers { users = [:] }
            for user in checkpoint.removedUsers { users[user] = nil }
            for row in checkpoint.users { users[row.id] = row }
            blobs.merge(checkpoint.blobs) { _, new in new }
            offsets.merge(checkpoint.offsets) { _, new in new }
        }

        func engine(_ configuration: EngineConfiguration) throws(EngineError) -> Engine {
            var restorer = try EngineRestorer(configuration, stored: model)
            for row in items.values.sorted(by: { $0.index < $1.index }) { try restorer.add(row) }
            // As a store does: in the order of the identifiers.
            for row in users.values.sorted(by: { $0.id.text < $1.id.text }) { try restorer.add(row) }
            return try restorer.finish(blobs: blobs, offsets: offsets)
        }
    }

    @Test(arguments: [200, 20]) func restoredGoesOnBitForBit(itemsMax: Int) throws {
        // With 20 rows for the churn below, items leave and rows are used again.
        let configuration = Fixture.configuration {
            $0.learner.itemsMax = itemsMax
            $0.usersMax = 30
            $0.learner.replayRatio = 2
        }
        let inputs = (0..<900).map { place in
            Fixture.input("u\(place / 4 % 50)", "i\((place * 7 + place / 90) % 40)", type: place % 9 == 0 ? "purchase" : "view", offset: Int64(place))
        }
        var engine = try Engine(configuration)
        var stored = Stored()
        for (place, input) in inputs.prefix(600).enumerated() {
            _ = try engine.take(input)
            // Some are forgotten, and their rows are used again.
            if place % 70 == 69 { engine.forget(Fixture.user("u\(place / 4 % 50)")) }
            if place % 150 == 149 { stored.take(engine.takeCheckpoint()) }
        }
        var restored = try stored.engine(configuration)
        #expect(restored.nextOffsets == [Fixture.partition: 600])
        #expect(restored.modelVersion == engine.modelVersion)
        let (left, right) = (try engine.takeAll(Array(inputs[600...])), try restored.takeAll(Array(inputs[600...])))
        #expect(left.map(\.items) == right.map(\.items))
        let (first, second) = (engine.takeCheckpoint(), restored.takeCheckpoint())
        #expect(first.blobs == second.blobs)
        let payloads = { (checkpoint: Checkpoint) in checkpoint.items.sorted { $0.index < $1.index } }
        // The first engine's last checkpoint was at 600 too: both hold what changed since.
        #expect(payloads(first) == payloads(second))
        #expect(Set(first.users.map(\.id)) == Set(second.users.map(\.id)))
    }

    @Test func aCheckpointHoldsOnlyWhatChanged() throws {
        var engine = try Engine(Fixture.configuration { $0.learner.replayRatio = 0 })
        _ = try engine.takeAll(Fixture.circle(60))
        let whole = engine.takeCheckpoint()
        #expect(whole.items.count == 12)
        #expect(whole.users.count == 10)
        let nothing = engine.takeCheckpoint()
        #expect(nothing.items.isEmpty && nothing.users.isEmpty && nothing.removedUsers.isEmpty)
        _ = try engine.take(Fixture.input("u3", "i1", offset: 60))
        let next = engine.takeCheckpoint()
        #expect(next.users.map(\.id.text) == ["u3"])
        #expect(!next.items.isEmpty)
        #expect(next.offsets == [Fixture.partition: 61])
        // What could not be written is in the next one again.
        engine.putBack(next)
        let again = engine.takeCheckpoint()
        #expect(again.items == next.items)
        #expect(again.users == next.users)
    }

    @Test func anEnsembleGoesOnFromWhatIsKept() throws {
        let configuration = Fixture.configuration {
            $0.encoder = .ensemble
            $0.usersMax = 60
            $0.sessionLengthMax = 50
            $0.learner.replayRatio = 0
        }
        var engine = try Engine(configuration)
        _ = try engine.takeAll(Fixture.circle(400))
        var stored = Stored()
        stored.take(engine.takeCheckpoint())
        var restored = try stored.engine(configuration)
        // Every event is still in its session: nothing of what was counted is lost.
        let rest = Fixture.circle(60, from: 400)
        let (left, right) = (try engine.takeAll(rest), try restored.takeAll(rest))
        let (names, restoredNames) = (left.map { $0.names ?? [] }, right.map { $0.names ?? [] })
        let same = zip(names, restoredNames).count { $0.first == $1.first }
        #expect(same >= 57, "\(same) of 60 lists begin alike")
    }

    @Test func aStateOfAnotherShapeIsRefusedWithASentence() throws {
        var engine = try Engine(Fixture.configuration())
        _ = try engine.takeAll(Fixture.circle(30))
        var stored = Stored()
        stored.take(engine.takeCheckpoint())
        #expect(refusal(stored, Fixture.configuration { $0.learner.dimensions = 32 })?.contains("model.dimensions to 16") == true)
        #expect(refusal(stored, Fixture.configuration { $0.learner.itemsMax = 10 })?.contains("model.max_items") == true)
        var other = stored
        other.model.encoder = "ensemble(gru)"
        #expect(refusal(other, Fixture.configuration())?.contains("a model of encoder ensemble(gru)") == true)
    }

    @Test func damagedPayloadsAreRefused() throws {
        var engine = try Engine(Fixture.configuration())
        _ = try engine.takeAll(Fixture.circle(30))
        var stored = Stored()
        stored.take(engine.takeCheckpoint())
        #expect(refusal(stored, Fixture.configuration()) == nil)
        for name in stored.blobs.keys {
            var damaged = stored
            damaged.blobs[name]?.removeLast()
            #expect(refusal(damaged, Fixture.configuration()) != nil, "\(name) cut short")
            damaged.blobs[name] = nil
            #expect(refusal(damaged, Fixture.configuration()) != nil, "\(name) missing")
        }
        var damaged = stored
        damaged.items[3]?.payload.removeLast()
        #expect(refusal(damaged, Fixture.configuration()) != nil)
        damaged = stored
        damaged.items[0] = nil
        #expect(refusal(damaged, Fixture.configuration()) != nil)
        damaged = stored
        // The first value of an item's vector becomes a NaN.
        damaged.items[3]?.payload.replaceSubrange(0..<4, with: [0, 0, 0xC0, 0x7F])
        #expect(refusal(damaged, Fixture.configuration()) != nil)
        damaged = stored
        let user = Fixture.user("u0")
        // A session that claims more entries than it has, and one that names an item that is not there.
        damaged.users[user]?.payload.replaceSubrange(12..<16, with: [0xFF, 0xFF, 0xFF, 0x7F])
        #expect(refusal(damaged, Fixture.configuration()) != nil)
        damaged = stored
        damaged.users[user]?.payload.replaceSubrange(16..<20, with: [0xFF, 0, 0, 0])
        #expect(refusal(damaged, Fixture.configuration()) != nil)
        // A row that another user has, and one beyond the bound.
        for row in [[1, 0, 0, 0], [0xFF, 0, 0, 0]] as [[UInt8]] {
            damaged = stored
            damaged.users[user]?.payload.replaceSubrange(0..<4, with: row)
            #expect(refusal(damaged, Fixture.configuration()) != nil, "row \(row)")
        }
    }

    private func refusal(_ stored: Stored, _ configuration: EngineConfiguration) -> String? {
        do throws(EngineError) {
            _ = try stored.engine(configuration)
            return nil
        } catch {
            return error.description
        }
    }
}
