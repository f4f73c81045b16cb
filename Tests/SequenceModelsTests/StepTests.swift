import Tensors
import Testing

@testable import SequenceModels

@Suite struct StepTests {
    @Test func aBatchRefusesWhatHasNoTargetOrNoRoom() {
        var batch = SequenceBatch(positionsMax: 3)
        let (one, three, two) = (events([7]), events([1, 2, 3]), events([4, 5]))
        #expect(!batch.append(one.span) { _ in 1 })
        #expect(batch.append(three.span) { Float($0) })
        #expect(!batch.append(three.span) { _ in 1 })
        #expect(batch.append(two.span) { _ in 9 })
        #expect(batch.positionCount == 3 && batch.windowCount == 2)
        batch.arrange()
        // By time, the longest window first.
        #expect(batch.inputs == [1, 4, 2])
        #expect(batch.targets == [2, 5, 3])
        #expect(batch.weights == [0, 9, 1])
        #expect(batch.steps == [0..<2, 2..<3])
        #expect(batch.order == [0, 1])
        batch.removeAll()
        batch.append(two.span) { _ in 1 }
        batch.append(three.span) { _ in 2 }
        batch.arrange()
        #expect(batch.inputs == [1, 4, 2])
        #expect(batch.order == [1, 0])
        batch.removeAll()
        batch.arrange()
        #expect(batch.positionCount == 0 && batch.steps.isEmpty)
    }

    private func events(_ items: [ItemIndex]) -> [SessionEvent] { items.map { SessionEvent(item: $0) } }

    @Test func aPositionKnowsTypeGapAndRepetition() {
        var batch = SequenceBatch(positionsMax: 5)
        let window = [
            SessionEvent(item: 1, type: 2, gap: 0), SessionEvent(item: 2, type: 0, gap: 5), SessionEvent(item: 2, type: 1, gap: 1),
            SessionEvent(item: 1, type: 0, gap: 15), SessionEvent(item: 3),
        ]
        batch.append(window.span) { _ in 1 }
        batch.arrange()
        #expect(batch.types == [2, 0, 1, 0])
        #expect(batch.gaps == [0, 5, 1, 15])
        // New, new, the one just before, met earlier.
        #expect(batch.repetitions == [0, 0, 2, 1])
    }

    @Test func gapsGoByPowersOfThree() {
        #expect([-5, 0, 1_999, 2_000, 7_999, 8_000].map { SessionEvent.gapBucket(milliseconds: $0) } == [1, 1, 1, 2, 2, 3])
        #expect(SessionEvent.gapBucket(milliseconds: 86_400_000) == 11)
        #expect(SessionEvent.gapBucket(milliseconds: .max) == 15)
    }

    @Test func aRowsGradientAddsUpWhateverItsRole() {
        var source = Matrix(rows: 2, columns: 3)
        for column in 0..<3 { source[0, column] = Float(column + 1); source[1, column] = 10 }
        var gradients = RowGradients(slotsMax: 2, dimensions: 3)
        for _ in 0..<2 {
            gradients.add(41, from: source, row: 0, scale: 2)
            gradients.add(5, from: source, row: 1, scale: 1)
            gradients.add(41, from: source, row: 1, scale: -1)
            gradients.addBias(5, 0.5)
            #expect(gradients.count == 2)
            #expect(gradients.item(at: 0) == 41)
            let (first, second) = (gradients.withVector(at: 0) { [$0[0], $0[1], $0[2]] }, gradients.withVector(at: 1) { [$0[0]] })
            #expect(first == [-8, -6, -4])
            #expect(second == [10])
            #expect(gradients.bias(at: 1) == 0.5)
            // What a step leaves must not reach the next.
            gradients.removeAll()
            #expect(gradients.count == 0)
        }
    }

    @Test func aReusedRowForgetsItsOptimizerState() {
        var table = EmbeddingTable(capacity: 2, dimensions: 4)
        var generator = SeededGenerator(seed: 3)
        table.initializeRow(0, limit: 0.1, bias: 1, using: &generator)
        var source = Matrix(rows: 1, columns: 4)
        source[0, 0] = 1
        var gradients = RowGradients(slotsMax: 1, dimensions: 4)
        gradients.add(0, from: source, row: 0, scale: 1)
        gradients.addBias(0, 2)
        table.applyAdagrad(gradients, rate: 0.1, epsilon: 0)
        #expect(table.vectorAccumulators[0, 0] == 0.25)
        #expect(table.biasAccumulators[0, 0] == 4)
        #expect(abs(table.biases[0, 0] - 0.9) < 1e-6)
        table.initializeRow(0, limit: 0.1, bias: 0, using: &generator)
        #expect(table.vectorAccumulators[0, 0] == 0)
        #expect(table.biasAccumulators[0, 0] == 0)
        #expect(table.count == 1)
    }

    @Test func theGeneratorIsSplitMix64() {
        // The reference's first outputs for seed 1234567 (Vigna, splitmix64.c).
        var generator = SeededGenerator(seed: 1_234_567)
        #expect((0..<3).map { _ in generator.next() } == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
        for _ in 0..<1000 {
            #expect((0..<7).contains(generator.next(below: 7)))
            #expect((0..<1).contains(generator.nextUnit()))
            #expect(abs(generator.nextSymmetric(0.25)) <= 0.25)
        }
    }
}
