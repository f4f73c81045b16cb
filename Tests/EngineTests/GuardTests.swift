import Events
import Learning
import SequenceModels
import Testing

@testable import Engine

@Suite struct GuardTests {
    @Test func aModelThatLosesHalfOfItsShareIsDegraded() {
        var guarding = QualityGuard(dropMax: 0.5)
        func block(_ modelHits: Int, _ rulesHits: Int) -> [QualityGuard.Verdict] {
            (0..<QualityGuard.block).map { guarding.record(model: $0 < modelHits, rules: $0 < rulesHits) }
        }
        #expect(block(400, 400).last == .good)
        // The stream changed: both are worse, and the share is what it was.
        #expect(block(100, 100).last == .good)
        #expect(block(250, 400).last == .good)
        #expect(block(100, 400).last == .degraded)
        #expect(block(390, 400).last == .good)
        let early = Set(block(390, 400).dropLast())
        #expect(early == [.none])
    }

    @Test func withoutALimitNothingIsDegraded() {
        var guarding = QualityGuard(dropMax: 0)
        for _ in 0..<QualityGuard.block { _ = guarding.record(model: true, rules: true) }
        let verdicts = (0..<QualityGuard.block).map { _ in guarding.record(model: false, rules: true) }
        #expect(verdicts.last == .good)
    }

    private func engine() throws -> Engine {
        var engine = try Engine(Fixture.configuration())
        _ = try engine.takeAll(Fixture.circle(300))
        return engine
    }

    @Test func aRollBackPutsEveryBitBack() throws {
        var engine = try engine()
        let member = engine.members[0]
        member.markGood()
        let good = Fixture.values(of: member.learner)
        _ = try engine.takeAll(Fixture.circle(60, from: 300))
        #expect(Fixture.values(of: member.learner) != good)
        try engine.rollBack(member, .degraded)
        #expect(Fixture.values(of: member.learner) == good)
        let taken = engine.takeRollbacks()
        #expect(taken == [Rollback(model: "gru", reason: .degraded)])
        #expect(engine.takeRollbacks().isEmpty)
        #expect(engine.rollbacks["gru"]?[.degraded] == 1)
        // And again: the point stays.
        _ = try engine.takeAll(Fixture.circle(60, from: 360))
        try engine.rollBack(member, .degraded)
        #expect(Fixture.values(of: member.learner) == good)
    }

    @Test func numbersThatAreNotFiniteAreTakenBackAndTheStreamGoesOn() throws {
        var engine = try engine()
        let member = engine.members[0]
        member.markGood()
        member.learner.encoder.forEachParameter { if $0.name == "gru.weight_hh" { $0.value[3, 2] = .nan } }
        let answers = try engine.takeAll(Fixture.circle(40, from: 300))
        let lengths = Set(answers.map { $0.items?.count })
        #expect(lengths == [5])
        #expect((engine.rollbacks["gru"]?[.notFinite] ?? 0) >= 1)
        let broken = Fixture.values(of: member.learner).filter { !$0.isFinite }
        #expect(broken.isEmpty)
    }

    @Test func aHugeRateEndsNoStream() throws {
        var engine = try Engine(Fixture.configuration { $0.learner.denseRate = 1e30; $0.learner.rate = 1e30 })
        let answers = try engine.takeAll(Fixture.circle(200))
        #expect(answers.count == 200)
        #expect(engine.rollbacks["gru"]?[.notFinite] != nil)
    }
}

extension Fixture {
    /// Every number that a learner has learned.
    static func values(of learner: borrowing Learner) -> [Float] {
        var values: [Float] = []
        learner.encoder.forEachParameter { parameter in
            for row in 0..<parameter.rows { for column in 0..<parameter.columns { values.append(parameter.value[row, column]) } }
        }
        for row in 0..<learner.table.count {
            values.append(learner.table.biases[0, row])
            values.append(learner.table.vectorAccumulators[0, row])
            for column in 0..<learner.table.dimensions { values.append(learner.table.vectors[row, column]) }
        }
        return values
    }
}
