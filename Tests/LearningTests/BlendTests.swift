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

    @Test func theWeightOfTheModelThatTellsGrows() {
        for feature in [Blend.Feature.neural(0), Blend.Feature.neighbors, Blend.Feature.rules] {
            var blend = Blend()
            var generator = SeededGenerator(seed: 3)
            for _ in 0..<300 {
                let target = generator.next(below: 20)
                blend.learn(
                    pool: pool(20, telling: feature, target: target, using: &generator), target: target, sessionLength: 3)
            }
            let learned = blend.weights(sessionLength: 4)
            #expect((0..<5).max { learned[$0] < learned[$1] } == feature)
            // Another length has weights of its own.
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
        let before = Blend().weights(sessionLength: 1)
        var blend = Blend()
        blend.learn(pool: pool, target: 2, sessionLength: 1)
        let step = blend.weights(sessionLength: 1) - before
        func loss(_ weights: Blend.Features) -> Double {
            let scores = pool.map { Double(Blend.score($0, weights)) }
            return log(scores.reduce(0) { $0 + exp($1) }) - scores[2]
        }
        for place in 0..<6 {
            var (above, below) = (before, before)
            above[place] += 0.01
            below[place] -= 0.01
            let slope = (loss(above) - loss(below)) / 0.02
            // Adagrad's first step: the rate times the gradient over the root of .1 and its square.
            let expected = -0.05 * slope / (0.1 + slope * slope).squareRoot()
            #expect(abs(Double(step[place]) - expected) < 1e-3)
        }
    }

    @Test func valuesAreTheWholeState() throws {
        var blend = Blend()
        var generator = SeededGenerator(seed: 9)
        for length in 1...12 {
            blend.learn(pool: pool(5, telling: 0, target: 1, using: &generator), target: 1, sessionLength: length)
        }
        let restored = try #require(Blend(values: blend.values))
        #expect(restored == blend)
        #expect(Blend(values: Array(blend.values.dropLast())) == nil)
        #expect(Blend(values: blend.values.map { _ in Float.nan }) == nil)
    }
}
