import Foundation
import SequenceModels
import Testing

@testable import Learning

@Suite struct BlendTests {
    /// A pool of `count` in which one feature alone says what comes.
    private func pool(_ count: Int, telling feature: Int, target: Int, using generator: inout SeededGenerator) -> [Blend.Features] {
        (0..<count).map { place in
            var features = Blend.Features(repeating: 0)
            for other in 0..<5 { features[other] = generator.nextSymmetric(1) - 1 }
            features[feature] = place == target ? 0 : -2
            return features
        }
    }

    private func ages(_ count: Int, _ age: Blend.Age) -> [Blend.Age] { [Blend.Age](repeating: age, count: count) }

    @Test func theWeightOfTheModelThatTellsGrows() {
        for feature in [Blend.Feature.neural(0), Blend.Feature.neighbors, Blend.Feature.rules] {
            var blend = Blend()
            var generator = SeededGenerator(seed: 3)
            for _ in 0..<300 {
                let target = generator.next(below: 20)
                blend.learn(
                    pool: pool(20, telling: feature, target: target, using: &generator), ages: ages(20, .old),
                    target: target, sessionLength: 3)
            }
            let learned = blend.weights(sessionLength: 4)[.old]
            #expect((0..<5).max { learned[$0] < learned[$1] } == feature)
            // Another age and another length have weights of their own.
            #expect(blend.weights(sessionLength: 4)[.young] == Blend().weights(sessionLength: 4)[.young])
            #expect(blend.weights(sessionLength: 1) == Blend().weights(sessionLength: 1))
        }
    }

    @Test func theGradientIsThatOfTheLogLikelihood() {
        var generator = SeededGenerator(seed: 5)
        let pool = (0..<6).map { _ -> Blend.Features in
            var features = Blend.Features(repeating: 0)
            for place in 0..<6 { features[place] = generator.nextSymmetric(1) }
            return features
        }
        let ages: [Blend.Age] = [.young, .old, .young, .grown, .grown, .young]
        let before = Blend().weights(sessionLength: 1)
        var blend = Blend()
        blend.learn(pool: pool, ages: ages, target: 2, sessionLength: 1)
        let after = blend.weights(sessionLength: 1)
        func loss(_ weights: [Blend.Age: Blend.Features]) -> Double {
            let scores = zip(pool, ages).map { Double(Blend.score($0, weights[$1] ?? before[$1])) }
            return log(scores.reduce(0) { $0 + exp($1) }) - scores[2]
        }
        for age in Blend.Age.allCases {
            for place in 0..<6 {
                var (above, below) = (before[age], before[age])
                above[place] += 0.01
                below[place] -= 0.01
                let slope = (loss([age: above]) - loss([age: below])) / 0.02
                // Adagrad's first step: the rate times the gradient over the root of .1 and its square.
                let expected = -0.05 * slope / (0.1 + slope * slope).squareRoot()
                #expect(abs(Double((after[age] - before[age])[place]) - expected) < 1e-3)
            }
        }
    }

    @Test func agesGoByOccurrences() {
        #expect([0, 4, 5, 49, 50, 9999].map { Blend.Age(occurrences: $0) } == [.young, .young, .grown, .grown, .old, .old])
    }

    @Test func valuesAreTheWholeState() throws {
        var blend = Blend()
        var generator = SeededGenerator(seed: 9)
        for length in 1...12 {
            blend.learn(
                pool: pool(5, telling: 0, target: 1, using: &generator), ages: ages(5, length > 6 ? .old : .young), target: 1,
                sessionLength: length)
        }
        let restored = try #require(Blend(values: blend.values))
        #expect(restored == blend)
        #expect(Blend(values: Array(blend.values.dropLast())) == nil)
        #expect(Blend(values: blend.values.map { _ in Float.nan }) == nil)
    }
}
