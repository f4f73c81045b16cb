import Checkpoints
import Engine
import Events
import SequenceModels
import Testing

@testable import Evaluation

/// Going over a history several times.
@Suite struct TrainerTests {
    private func trainer(
        _ events: [Event], _ configuration: EngineConfiguration = Fixture.configuration(), validation: Double = 0.2, seed: UInt64 = 1
    ) throws -> Trainer {
        var options = TrainingOptions()
        options.batchSize = 8
        options.validationShare = validation
        options.seed = seed
        return Trainer(try Fixture.history(events), options, engine: try Engine(configuration))
    }

    /// Two thirds of the steps are as the circle has them, the others are drawn.
    private static let noisy: [Event] = {
        var generator = SeededGenerator(seed: 7)
        return Fixture.circle(900).map { event in
            guard generator.next(below: 3) == 0, let item = ItemID("i\(generator.next(below: 12))") else { return event }
            var event = event
            event.item = item
            return event
        }
    }()

    @Test func moreEpochsFitBetter() throws {
        let trainer = try trainer(Self.noisy, Fixture.configuration { $0.learner.replayRatio = 0 })
        var losses: [Double] = []
        var held: [Double] = []
        for _ in 0..<6 {
            losses.append(try trainer.runEpoch { _, _ in }["gru"] ?? .infinity)
            held.append(try trainer.validate().losses["gru"] ?? .infinity)
        }
        #expect(trainer.epoch == 6)
        #expect(losses[5] < losses[1] && losses[1] < losses[0], "\(losses)")
        #expect((held.min() ?? 9) < held[0], "\(held)")
        let validation = try trainer.validate()
        // The last fifth: 180 events in 30 visits.
        #expect(validation.scored == 150)
        #expect(validation.score == validation.models["gru"]?.ndcg20)
        #expect(abs((validation.losses["gru"] ?? 0) - (held.last ?? 1)) < 1e-9)
    }

    @Test func aRunIsThatOfItsSeed() throws {
        func losses(_ seed: UInt64) throws -> [Double?] {
            let trainer = try trainer(Self.noisy, seed: seed)
            return try (0..<3).map { _ in try trainer.runEpoch { _, _ in }["gru"] }
        }
        #expect(try losses(1) == losses(1))
        #expect(try losses(1) != losses(2))
    }

    @Test func everythingIsKnownInTheEnd() throws {
        let trainer = try trainer(Self.noisy)
        _ = try trainer.runEpoch { _, _ in }
        _ = try trainer.runEpoch { _, _ in }
        #expect(trainer.userCount == 120)
        try trainer.learnHeldOut { _ in }
        #expect(trainer.userCount == 150 && trainer.itemCount == 12)
        let checkpoint = trainer.takeCheckpoint()
        #expect(checkpoint.items.count == 12 && checkpoint.users.count == 150)
        // The place in a file is no offset of a topic.
        #expect(checkpoint.offsets.isEmpty)
        #expect(trainer.takeCheckpoint().items.isEmpty)
    }

    @Test func anEngineOfAnEarlierEpochIsGoneOnWith() throws {
        let trainer = try trainer(Self.noisy)
        _ = try trainer.runEpoch { _, _ in }
        let first = try trainer.validate()
        let checkpoint = trainer.takeCheckpoint()
        _ = try trainer.runEpoch { _, _ in }
        #expect(try trainer.validate().losses != first.losses)
        var restorer = try EngineRestorer(Fixture.configuration(), stored: checkpoint.model)
        for row in checkpoint.items.sorted(by: { $0.index < $1.index }) { try restorer.add(row) }
        for row in checkpoint.users { try restorer.add(row) }
        trainer.replaceEngine(try restorer.finish(blobs: checkpoint.blobs, offsets: checkpoint.offsets))
        #expect(try trainer.validate().losses == first.losses)
        try trainer.learnHeldOut { _ in }
        #expect(trainer.userCount == 150)
    }

    @Test(arguments: OddStreamTests.streams.map(\.name))
    func oddStreamsAreTrainedOn(name: String) throws {
        let events = try #require(OddStreamTests.streams.first { $0.name == name }).events
        for validation in [0, 0.3] {
            let trainer = try trainer(events, Fixture.configuration { $0.encoder = .ensemble }, validation: validation)
            for _ in 0..<2 {
                _ = try trainer.runEpoch { share, losses in
                    #expect((0...1).contains(share) || share.isNaN)
                    let areFinite = losses.values.allSatisfy { $0.isFinite }
                    #expect(areFinite)
                }
            }
            let areFinite = try trainer.validate().losses.values.allSatisfy { $0.isFinite }
            #expect(areFinite)
            try trainer.learnHeldOut { _ in }
            #expect(trainer.userCount == Set(events.map(\.user)).count)
        }
    }

    @Test func everyEventOfALongSessionIsATargetOnce() throws {
        let history = try Fixture.history((0..<57).map { ("u\($0 % 2)", "i\($0)") } + [("lonely", "i0")])
        let rehearsal = Rehearsal(history, learned: Array(0..<Int32(history.count))[...], length: 5)
        var generator = SeededGenerator(seed: 3)
        var starts: Set<Int32> = []
        for _ in 0..<20 {
            let windows = rehearsal.windows(using: &generator)
            for user in Int32(0)..<2 {
                let own = windows.filter { $0.user == user }.sorted { $0.first < $1.first }
                #expect(own.first?.first == 0)
                #expect(own.last?.last == (user == 0 ? 28 : 27))
                for (window, next) in zip(own, own.dropFirst()) { #expect(window.last == next.first) }
                #expect(own.allSatisfy { $0.last - $0.first <= 5 && $0.last > $0.first })
                starts.insert(own[1].first)
            }
            #expect(!windows.contains { $0.user > 1 })
            // One event more says when the first one that is read began.
            let window = try #require(windows.first { $0.first > 0 })
            #expect(rehearsal.events(of: window, history).count == Int(window.last - window.first) + 2)
        }
        #expect(starts.count > 2)
    }

    @Test func goingOverWhatIsLearnedHelpsTheHeldOutPart() throws {
        let history = try Fixture.history(Self.noisy)
        let once = try Fixture.report(history, .leaveOneOut(history))
        let often = try Fixture.report(history, .leaveOneOut(history)) {
            $0.epochs = 8
            $0.epochBatchSize = 8
        }
        #expect(once.epoch == nil)
        #expect((1...8).contains(often.epoch ?? 0))
        #expect(once.scored == 150 && often.scored == 150)
        #expect((often.models["gru"]?.ndcg20 ?? 0) > (once.models["gru"]?.ndcg20 ?? 1) - 0.02)
        // What is counted is counted once.
        #expect(once.models["markov"] == often.models["markov"])
        #expect(often.text().contains("epoch "))
    }
}
