import Checkpoints
import Events
import Testing

@testable import Engine

/// An engine that went through a checkpoint goes on as the one that did not: bit for bit.
@Suite struct CheckpointTests {
    /// What a store would hold: checkpoints laid over each other.
    struct Stored {
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

    @Test(arguments: [200, 20], EngineConfiguration.Encoder.allCases)
    func restoredGoesOnBitForBit(itemsMax: Int, encoder: EngineConfiguration.Encoder) throws {
        // With 20 rows for the churn below, items leave and rows are used again.
        let configuration = Fixture.configuration {
            $0.encoder = encoder
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
        expectSame(&engine, &restored)
        // Taken whole, both have changed nothing since: the next checkpoints hold the same.
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
        expectSame(&engine, &restored)
    }

    /// The whole state of both, bit for bit.
    private func expectSame(_ left: inout Engine, _ right: inout Engine, sourceLocation: SourceLocation = #_sourceLocation) {
        let (left, right) = (left.takeWholeCheckpoint(), right.takeWholeCheckpoint())
        let names = Set(left.blobs.keys).union(right.blobs.keys).sorted()
        #expect(names.filter { left.blobs[$0] != right.blobs[$0] } == [], sourceLocation: sourceLocation)
        #expect(left.items.sorted { $0.index < $1.index } == right.items.sorted { $0.index < $1.index }, sourceLocation: sourceLocation)
        #expect(left.users.sorted { $0.id.text < $1.id.text } == right.users.sorted { $0.id.text < $1.id.text }, sourceLocation: sourceLocation)
        #expect(left.offsets == right.offsets && left.model == right.model, sourceLocation: sourceLocation)
    }

    @Test func aModelThatGoesBackAfterARestartGoesBackAsFar() throws {
        let configuration = Fixture.configuration { $0.encoder = .ensemble }
        var engine = try Engine(configuration)
        var stored = Stored()
        // Enough lists are scored for points to go back to, and checkpoints fall between them.
        for (place, input) in Fixture.circle(2700).enumerated() {
            _ = try engine.take(input)
            if place % 400 == 399 { stored.take(engine.takeCheckpoint()) }
        }
        let point = engine.members[0].learner.goodPoint
        #expect(point >= 4)
        stored.take(engine.takeCheckpoint())
        var restored = try stored.engine(configuration)
        let rest = Fixture.circle(90, from: 2700)
        _ = (try engine.takeAll(rest), try restored.takeAll(rest))
        for place in engine.members.indices {
            try engine.rollBack(engine.members[place], .degraded)
            try restored.rollBack(restored.members[place], .degraded)
        }
        expectSame(&engine, &restored)
        _ = (try engine.takeAll(Fixture.circle(90, from: 2790)), try restored.takeAll(Fixture.circle(90, from: 2790)))
        expectSame(&engine, &restored)
    }

    @Test func aStateWithoutUsersGoesOnBitForBit() throws {
        let configuration = Fixture.configuration { $0.learner.replayRatio = 2 }
        var engine = try Engine(configuration)
        _ = try engine.takeAll(Fixture.circle(40))
        for place in 0..<40 { engine.forget(Fixture.user("u\(place)")) }
        var stored = Stored()
        stored.take(engine.takeCheckpoint())
        #expect(stored.users.isEmpty)
        var restored = try stored.engine(configuration)
        _ = (try engine.takeAll(Fixture.circle(60, from: 40)), try restored.takeAll(Fixture.circle(60, from: 40)))
        expectSame(&engine, &restored)
    }

    @Test func aListThatIsMadeAgainChangesNothingAndOneThatGoesNowhereIsScored() throws {
        let configuration = Fixture.configuration { $0.encoder = .ensemble }
        var first = try Engine(configuration)
        var second = try Engine(configuration)
        for input in Fixture.circle(120) {
            let answer = try first.take(input)
            #expect(answer.names != nil)
            var quiet = input
            (quiet.wantsAnswer, quiet.isAlwaysRanked) = (false, true)
            #expect(try second.take(quiet).names == nil)
            // Read again after a crash, and not answered before it.
            #expect(try second.take(input).names != nil)
        }
        expectSame(&first, &second)
    }

    @Test func whoeverGetsTheRowOfAForgottenUserIsNotScoredByTheirList() throws {
        let configuration = Fixture.configuration { $0.encoder = .ensemble }
        var engine = try Engine(configuration)
        _ = try engine.takeAll(Fixture.circle(120))
        _ = try engine.take(Fixture.input("u9", "i3", offset: 120))
        engine.forget(Fixture.user("u9"))
        let before = engine.blend
        _ = try engine.take(Fixture.input("new", "i4", offset: 121))
        #expect(engine.blend == before)
    }

    @Test func aStateOfTheFirstLayoutIsReadAndWrittenAnew() throws {
        let configuration = Fixture.configuration { $0.encoder = .ensemble }
        var engine = try Engine(configuration)
        _ = try engine.takeAll(Fixture.circle(300))
        var stored = Stored()
        stored.take(engine.takeCheckpoint())
        let whole = stored
        let itemBytes = engine.members.count * 4 * (16 + 3) + 20
        for index in stored.items.keys { stored.items[index]?.payload.removeLast((whole.items[index]?.payload.count ?? 0) - itemBytes) }
        for (user, row) in whole.users {
            var reader = ByteReader(row.payload)
            _ = (try reader.read(UInt32.self), try reader.read(UInt64.self))
            for _ in 0..<2 { for _ in 0..<(try reader.read(UInt32.self)) { _ = (try reader.read(UInt64.self), try reader.read(UInt16.self)) } }
            _ = try reader.read(Int32.self)
            stored.users[user]?.payload.removeLast(reader.remaining)
        }
        for name in ["layout", "neighbors", "pools", "guards", "quality", "good.gru", "good.attention"] {
            stored.blobs[name] = nil
        }
        var restored = try stored.engine(configuration)
        #expect(restored.modelVersion == engine.modelVersion)
        let next = restored.takeCheckpoint()
        #expect(next.items.count == restored.itemCount && next.replacesUsers && next.users.count == restored.userCount)
        stored.take(next)
        var again = try stored.engine(configuration)
        expectSame(&restored, &again)
        // Rows of both layouts are of no state that was ever written.
        stored.items[3] = whole.items[3].map { ItemRow(index: 3, id: $0.id, payload: Array($0.payload.prefix(itemBytes))) }
        #expect(refusal(stored, configuration)?.contains("layout") == true)
    }

    /// Layout 2 was without the repeat heads: they begin at zero, and are written from then on. It was of plain products.
    @Test func aStateWithoutRepeatHeadsIsReadAndWrittenAnew() throws {
        let configuration = Fixture.configuration { $0.encoder = .ensemble }
        var engine = try Engine(configuration)
        _ = try engine.takeAll(Fixture.circle(300))
        var stored = Stored()
        stored.take(engine.takeCheckpoint())
        stored.blobs["layout"] = [2, 0, 0, 0]
        for name in stored.blobs.keys where name.contains("repeat_head") { stored.blobs[name] = nil }
        // Six kinds, each 16 weights and a bias, with two moments each.
        for name in ["good.gru", "good.attention"] { stored.blobs[name]?.removeLast(4 * 6 * 17 * 3) }
        stored.blobs["temperature"] = nil
        let ofCosines = Fixture.configuration { $0.encoder = .ensemble; $0.learner.temperature = 0.1 }
        #expect(refusal(stored, ofCosines)?.contains("set learning.temperature to 0") == true)
        var restored = try stored.engine(configuration)
        #expect(restored.modelVersion == engine.modelVersion)
        for name in ["gru.repeat_head.weight", "attention.repeat_head.bias"] {
            #expect(engine.tensorBytes(name)?.contains { $0 != 0 } == true)
            #expect(restored.tensorBytes(name)?.allSatisfy { $0 == 0 } == true)
        }
        stored.take(restored.takeCheckpoint())
        var again = try stored.engine(configuration)
        expectSame(&restored, &again)
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
        let rest = Fixture.circle(60, from: 400)
        let (left, right) = (try engine.takeAll(rest), try restored.takeAll(rest))
        #expect(left.map(\.items) == right.map(\.items))
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
