import Checkpoints
import Events
import Testing

@testable import Engine

/// A checkpoint that is copied while the stream goes on is of the moment at which it began.
@Suite struct CaptureTests {
    private struct Rows: Equatable {
        var items: [ItemRow]
        var users: [UserRow]
        var removed: [UserID]
        var blobs: [String: [UInt8]]
        var offsets: [TopicPartition: Int64]

        init(_ checkpoint: Checkpoint) {
            items = checkpoint.items.sorted { $0.index < $1.index }
            users = checkpoint.users.sorted { $0.id.text < $1.id.text }
            removed = checkpoint.removedUsers.sorted { $0.text < $1.text }
            (blobs, offsets) = (checkpoint.blobs, checkpoint.offsets)
        }
    }

    /// Users and items come and go: both tables are full all the time.
    private func configuration(_ encoder: EngineConfiguration.Encoder) -> EngineConfiguration {
        Fixture.configuration {
            $0.encoder = encoder
            $0.usersMax = 20
            $0.learner.itemsMax = 40
        }
    }

    private func input(_ place: Int) -> EngineInput {
        let chance = (place &* 2_654_435_761) >> 9
        if place % 17 == 5 { return Fixture.forget("u\(chance % 26)", offset: Int64(place)) }
        return Fixture.input(
            "u\(chance % 26)", "i\(chance / 31 % 48)", type: place % 5 == 0 ? "purchase" : "view", offset: Int64(place))
    }

    @Test(arguments: [1, 3, 16])
    func itIsOfOneMomentHoweverSlowlyItIsCopied(rowsMax: Int) throws {
        for encoder in EngineConfiguration.Encoder.allCases {
            var whole = try Engine(configuration(encoder))
            var slow = try Engine(configuration(encoder))
            var next = 0
            for _ in 0..<8 {
                for _ in 0..<45 {
                    _ = try whole.take(input(next))
                    _ = try slow.take(input(next))
                    next += 1
                }
                let expected = Rows(whole.takeCheckpoint())
                slow.beginCheckpoint()
                var taken: Checkpoint?
                while taken == nil {
                    _ = try whole.take(input(next))
                    _ = try slow.take(input(next))
                    next += 1
                    taken = slow.advanceCheckpoint(rowsMax: rowsMax)
                }
                #expect(Rows(try #require(taken)) == expected)
                let isCapturing = slow.isCapturing
                #expect(!isCapturing)
            }
            let learned = slow.modelVersion
            #expect(learned >= 100)
        }
    }

    @Test func countsThatAreHalvedMeanwhileAreThoseOfBefore() throws {
        var whole = try Engine(configuration(.gru))
        var slow = try Engine(configuration(.gru))
        for place in 0..<60 {
            _ = try whole.take(input(place))
            _ = try slow.take(input(place))
        }
        let counts = (0..<40).map { UInt32(7 + $0) }
        whole.yardsticks.popularity.restore(counts: counts, eventsUntilHalving: 3, halvings: 4)
        slow.yardsticks.popularity.restore(counts: counts, eventsUntilHalving: 3, halvings: 4)
        let expected = Rows(whole.takeCheckpoint())
        slow.beginCheckpoint()
        var taken: Checkpoint?
        var place = 60
        while taken == nil {
            _ = try slow.take(input(place))
            place += 1
            taken = slow.advanceCheckpoint(rowsMax: 1)
        }
        #expect(place > 64)
        #expect(Rows(try #require(taken)) == expected)
    }

    @Test func whatWasGivenUpIsInTheNextOne() throws {
        var whole = try Engine(Fixture.configuration())
        var given = try Engine(Fixture.configuration())
        for place in 0..<100 {
            _ = try whole.take(input(place))
            _ = try given.take(input(place))
            if place == 50 { given.beginCheckpoint() }
            if place == 52 {
                let early = given.advanceCheckpoint(rowsMax: 4)
                #expect(early == nil)
            }
        }
        let (left, right) = (Rows(given.takeCheckpoint()), Rows(whole.takeCheckpoint()))
        #expect(left == right)
    }

    @Test func usersWhoLeftAreNamedWithinABoundAndNoneIsForgotten() throws {
        var engine = try Engine(configuration(.gru))
        var stored: [UserID: UserRow] = [:]
        func take(_ checkpoint: Checkpoint) {
            if checkpoint.replacesUsers { stored = [:] }
            for user in checkpoint.removedUsers { stored[user] = nil }
            for row in checkpoint.users { stored[row.id] = row }
        }
        for place in 0..<30 { _ = try engine.take(Fixture.input("a\(place)", "i\(place % 7)", offset: Int64(place))) }
        take(engine.takeCheckpoint())
        #expect(stored.count == 20)
        // A thousand come and go while nothing can be written.
        for place in 30..<1030 {
            _ = try engine.take(Fixture.input("b\(place)", "i\(place % 7)", offset: Int64(place)))
            if place % 100 == 0 {
                let failed = engine.takeCheckpoint()
                #expect(failed.removedUsers.count <= 20)
                engine.putBack(failed)
            }
        }
        let checkpoint = engine.takeCheckpoint()
        #expect(checkpoint.replacesUsers)
        take(checkpoint)
        #expect(Set(stored.keys.map(\.text)) == Set((1010..<1030).map { "b\($0)" }))
    }
}
