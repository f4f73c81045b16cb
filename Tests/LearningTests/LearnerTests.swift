import Foundation
import SequenceModels
import Testing

@testable import Learning

@Suite struct LearnerTests {
    private func configuration() -> LearnerConfiguration {
        var configuration = LearnerConfiguration()
        configuration.dimensions = 16
        configuration.itemsMax = 64
        configuration.negatives = 16
        configuration.recentEvents = 100
        return configuration
    }

    /// Twelve items that follow each other in a circle, learned for `steps`.
    private func train(_ steps: Int, seed: UInt64) -> (losses: [Float], version: UInt64, vector: [Float]) {
        var configuration = configuration()
        configuration.seed = seed
        var learner = Learner(configuration)
        for item in 0..<12 { learner.addItem(ItemIndex(item), after: []) }
        var losses: [Float] = []
        for step in 0..<steps {
            let window = (0..<5).map { SessionEvent(item: ItemIndex((step + $0) % 12)) }
            learner.observe(window[4].item)
            learner.stage(window.span, weight: 1)
            if let loss = learner.step() { losses.append(loss) }
        }
        let vector = learner.table.vectors.withRow(3) { row in (0..<row.count).map { row[$0] } }
        return (losses, learner.version, vector)
    }

    @Test func theLossOfARepeatedPatternFalls() {
        let run = train(600, seed: 1)
        let (first, last) = (run.losses.prefix(20).reduce(0, +) / 20, run.losses.suffix(20).reduce(0, +) / 20)
        #expect(last < first / 3, "\(first) to \(last)")
        #expect(run.version == 600)
    }

    static let losses: [Loss] = [
        .sampledSoftmax, .fullSoftmax, .bprMax(regularization: 0.1), .gBCE(calibration: 0.75), .binaryCrossEntropy,
        .squaredError,
    ]

    /// A circle as above, each event with a value that its item has; every loss falls, with and without cosines.
    @Test(arguments: losses, [nil, 0.2] as [Float?]) func everyLossFalls(loss: Loss, temperature: Float?) {
        var configuration = configuration()
        configuration.loss = loss
        configuration.temperature = temperature
        configuration.dropout = 0
        var learner = Learner(configuration)
        for item in 0..<12 { learner.addItem(ItemIndex(item), after: []) }
        var losses: [Float] = []
        for step in 0..<500 {
            var window = (0..<5).map { SessionEvent(item: ItemIndex((step + $0) % 12)) }
            window[4].value = Float(window[4].item % 3) - 1
            learner.observe(window[4].item)
            learner.stage(window.span, weight: 1)
            if let loss = learner.step() { losses.append(loss) }
        }
        let (first, last) = (losses.prefix(20).reduce(0, +) / 20, losses.suffix(20).reduce(0, +) / 20)
        #expect(last < 0.7 * first, "\(first) to \(last)")
        let isFinite = learner.isFinite
        #expect(isFinite)
        guard temperature != nil else { return }
        for row in 0..<12 {
            let square = learner.table.vectors.withRow(row) { row in (0..<row.count).reduce(Float(0)) { $0 + row[$1] * row[$1] } }
            #expect(abs(square - 1) < 1e-4, "vectors are served as they are compared")
        }
    }

    @Test(arguments: RowOptimizer.Kind.allCases) func everyOptimizerLearnsThePattern(kind: RowOptimizer.Kind) {
        var configuration = configuration()
        configuration.rowOptimizer.kind = kind
        configuration.rowOptimizer.halfLife = 100
        configuration.rate = kind == .adagrad ? 0.1 : 0.02
        var learner = Learner(configuration)
        for item in 0..<12 { learner.addItem(ItemIndex(item), after: []) }
        var losses: [Float] = []
        for step in 0..<500 {
            let window = (0..<5).map { SessionEvent(item: ItemIndex((step + $0) % 12)) }
            learner.observe(window[4].item)
            learner.stage(window.span, weight: 1)
            if let loss = learner.step() { losses.append(loss) }
        }
        let (first, last) = (losses.prefix(20).reduce(0, +) / 20, losses.suffix(20).reduce(0, +) / 20)
        #expect(last < first / 2, "\(first) to \(last)")
    }

    /// What is not there cannot be learned: events without a value change nothing under squared error.
    @Test func withoutValuesSquaredErrorLearnsNothing() {
        var configuration = configuration()
        configuration.loss = .squaredError
        var learner = Learner(configuration)
        for item in 0..<12 { learner.addItem(ItemIndex(item), after: []) }
        let before = learner.table.vectors.withRow(3) { row in (0..<row.count).map { row[$0] } }
        let window = (0..<5).map { SessionEvent(item: ItemIndex($0)) }
        for _ in 0..<20 {
            learner.stage(window.span, weight: 1)
            let loss = learner.step()
            #expect(loss == 0)
        }
        let after = learner.table.vectors.withRow(3) { row in (0..<row.count).map { row[$0] } }
        #expect(before == after)
    }

    /// Where a step led astray, the moments that led there are forgotten with it.
    @Test func rollingBackForgetsMoments() {
        var configuration = configuration()
        configuration.rowOptimizer.kind = .adam
        var learner = Learner(configuration)
        for item in 0..<12 { learner.addItem(ItemIndex(item), after: []) }
        learner.markGood()
        let window = (0..<5).map { SessionEvent(item: ItemIndex($0)) }
        learner.stage(window.span, weight: 1)
        _ = learner.step()
        let (learned, restored) = (learner.moments(of: 3), learner.rollBack())
        #expect(learned?.contains { $0 != 0 } == true && restored.contains(3))
        let moments = learner.moments(of: 3)
        #expect(moments?.allSatisfy { $0 == 0 } == true)
    }

    @Test func theSameSeedGivesTheSameBits() {
        let (first, second, other) = (train(50, seed: 4), train(50, seed: 4), train(50, seed: 5))
        #expect(first.losses == second.losses)
        #expect(first.vector == second.vector)
        #expect(first.vector != other.vector)
    }

    @Test func stagesNoMoreThanAStepHolds() {
        var learner = Learner(configuration())
        for item in 0..<4 { learner.addItem(ItemIndex(item), after: []) }
        let (window, single) = ((0..<4).map { SessionEvent(item: $0) }, [SessionEvent(item: 2)])
        var taken = [learner.stage(single.span, weight: 1)]
        for _ in 0...Learner.windowsMax { taken.append(learner.stage(window.span, weight: 1)) }
        #expect(taken == [false] + [Bool](repeating: true, count: Learner.windowsMax) + [false])
        let losses = [learner.step(), learner.step()]
        #expect(losses[0] != nil && losses[1] == nil)
        let (touched, version) = (learner.touchedItems.count, learner.version)
        #expect(touched == 0 && version == 1)
    }

    /// With every count known, the denominator of the sampled softmax is that of the full one, but for chance.
    @Test func negativesStandForAllItems() {
        var sampler = NegativeSampler(capacity: 10, uniformShare: 0.5)
        var generator = SeededGenerator(seed: 4)
        for item in 0..<10 { sampler.observe(ItemIndex(item % 3)) }
        let masses = (0..<50).map { Double(1 + $0 % 7) }
        var sample = NegativeSample(count: 20_000)
        sampler.draw(into: &sample, itemCount: 50, correction: 1, using: &generator)
        var sum = 0.0
        for (item, logCount) in zip(sample.items, sample.logExpectedCounts) {
            sum += masses[Int(item)] / Double.exp(Double(logCount))
        }
        let whole = masses.reduce(0, +)
        #expect(abs(sum - whole) < 0.05 * whole)
    }

    @Test func negativesFollowTheRecentEvents() {
        var sampler = NegativeSampler(capacity: 10, uniformShare: 0.5)
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<10 { sampler.observe(3) }
        for _ in 0..<5 { sampler.observe(4) }
        var sample = NegativeSample(count: 4000)
        sampler.draw(into: &sample, itemCount: 100, correction: 1, using: &generator)
        // Half uniform over 100, half from the ring: 5 times item 3, 5 times item 4.
        let share = Double(sample.items.count { $0 == 3 }) / 4000
        #expect(abs(share - (0.5 / 100 + 0.25)) < 0.03)
        #expect(sample.items.allSatisfy { (0..<100).contains($0) })
        for (item, correction) in zip(sample.items, sample.logExpectedCounts) {
            // Of 4000 draws half are uniform over 100 items, the others are shared by two.
            let expected = item == 3 || item == 4 ? 2000 / 100.0 + 1000 : 2000 / 100.0
            #expect(abs(Double(correction) - Double.log(expected)) < 1e-5)
        }
        var restored = NegativeSampler(capacity: 10, uniformShare: 0.5)
        restored.restore(recent: sampler.recent, nextSlot: sampler.nextSlot)
        restored.observe(7)
        sampler.observe(7)
        #expect(restored.recent == sampler.recent)
        #expect(restored.nextSlot == sampler.nextSlot)
    }
}

extension Double {
    fileprivate static func log(_ value: Double) -> Double { Foundation.log(value) }
    fileprivate static func exp(_ value: Double) -> Double { Foundation.exp(value) }
}
