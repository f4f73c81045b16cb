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
        let (touched, version) = (learner.touchedCount, learner.version)
        #expect(touched == 0 && version == 1)
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
            // Relative to a uniform draw: .5 + .5 * share * 100.
            let relative = item == 3 || item == 4 ? 0.5 + 0.5 * 0.5 * 100 : 0.5
            #expect(abs(Double(correction) - Double.log(relative)) < 1e-5)
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
}
