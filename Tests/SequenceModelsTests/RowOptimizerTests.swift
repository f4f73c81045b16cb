import Foundation
import Tensors
import Testing

@testable import SequenceModels

/// Item rows under each optimizer, against the same recurrences in Double.
@Suite struct RowOptimizerTests {
    private static let width = 3

    private func table(_ optimizer: RowOptimizer) -> EmbeddingTable {
        var table = EmbeddingTable.of([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], biases: [0, 0.7], width: Self.width)
        table.prepare(for: optimizer)
        return table
    }

    /// One step with the gradient (slope, -2 slope, 0) of the vector and slope / 2 of the bias.
    private func step(_ table: inout EmbeddingTable, _ item: ItemIndex, slope: Float, _ optimizer: RowOptimizer, rate: Float) {
        var source = Matrix(rows: 1, columns: Self.width)
        source.take([slope, -2 * slope, 0])
        var rows = RowGradients(slotsMax: 1, dimensions: Self.width)
        rows.add(item, from: source, row: 0, scale: 1)
        rows.addBias(item, slope / 2)
        table.apply(rows, optimizer, rate: rate, epsilon: 1e-6)
    }

    @Test func adagradForgetsByItsHalfLife() {
        var optimizer = RowOptimizer()
        optimizer.halfLife = 4
        var table = table(optimizer)
        var (sum, value) = (0.0, 0.4)
        for update in 1...12 {
            let slope = 0.3 * Double(update)
            step(&table, 1, slope: Float(slope), optimizer, rate: 0.1)
            sum = sum * pow(2, -0.25) + (slope * slope + 4 * slope * slope) / 3
            value -= 0.1 * slope / (sum.squareRoot() + 1e-6)
        }
        #expect(abs(Double(table.vectorAccumulators[0, 1]) - sum) < 1e-4 * sum)
        #expect(abs(Double(table.vectors[1, 0]) - value) < 1e-5)
    }

    @Test func halfLifeKeepsARateThatAdagradAloneLoses() {
        var (decaying, plain) = (RowOptimizer(), RowOptimizer())
        decaying.halfLife = 20
        plain.halfLife = 0
        var moved: [Float] = []
        for optimizer in [decaying, plain] {
            var table = table(optimizer)
            for _ in 0..<500 { step(&table, 0, slope: 1, optimizer, rate: 0.1) }
            let before = table.vectors[0, 0]
            step(&table, 0, slope: 1, optimizer, rate: 0.1)
            moved.append(before - table.vectors[0, 0])
        }
        #expect(moved[0] > 3 * moved[1] && moved[1] > 0)
    }

    /// Kingma and Ba's recurrence over the row's own steps: the steps of another row in between change nothing.
    @Test func adamIsLazy() {
        var optimizer = RowOptimizer()
        optimizer.kind = .adam
        var table = table(optimizer)
        var (first, second, value, biasFirst, biasSecond, bias) = (0.0, 0.0, 0.4, 0.0, 0.0, 0.7)
        for update in 1...9 {
            let slope = update % 3 == 0 ? -0.8 : 0.25 * Double(update)
            step(&table, 0, slope: 5, optimizer, rate: 0.01)
            step(&table, 1, slope: Float(slope), optimizer, rate: 0.01)
            func move(_ g: Double, _ m: inout Double, _ v: inout Double) -> Double {
                m = 0.9 * m + 0.1 * g
                v = 0.999 * v + 0.001 * g * g
                return 0.01 * m / (1 - pow(0.9, Double(update))) / ((v / (1 - pow(0.999, Double(update)))).squareRoot() + 1e-8)
            }
            value -= move(slope, &first, &second)
            bias -= move(slope / 2, &biasFirst, &biasSecond)
        }
        #expect(abs(Double(table.vectors[1, 0]) - value) < 1e-5)
        #expect(abs(Double(table.biases[0, 1]) - bias) < 1e-5)
        #expect(table.vectors[1, 2] == 0.6, "a gradient of zero moves nothing")
    }

    /// Whatever the stream has had, a new item's first step is as long as the rate.
    @Test func theFirstAdamStepOfANewRowIsTheRate() {
        var optimizer = RowOptimizer()
        optimizer.kind = .adam
        var table = table(optimizer)
        for _ in 0..<100 { step(&table, 0, slope: 1, optimizer, rate: 0.01) }
        step(&table, 1, slope: 0.001, optimizer, rate: 0.01)
        #expect(abs(table.vectors[1, 0] - 0.39) < 1e-5)
        var generator = SeededGenerator(seed: 1)
        table.initializeRow(0, limit: 0.1, bias: 0, using: &generator)
        #expect(table.moments(of: 0)?.allSatisfy { $0 == 0 } == true, "a reused row forgets its moments")
    }

    @Test func momentumAddsUp() {
        var optimizer = RowOptimizer()
        optimizer.kind = .sgd
        optimizer.momentum = 0.5
        var table = table(optimizer)
        for _ in 0..<2 { step(&table, 0, slope: 1, optimizer, rate: 0.1) }
        // 1, then 1 + 0.5.
        #expect(abs(table.vectors[0, 0] - (0.1 - 0.25)) < 1e-6)
        #expect(abs(table.vectors[0, 1] - (0.2 + 0.5)) < 1e-6)
        #expect(abs(table.biases[0, 0] - (0 - 0.125)) < 1e-6)
    }

    @Test func theDefaultIsAdagradBitForBit() {
        var first = table(RowOptimizer())
        var second = table(RowOptimizer())
        var source = Matrix(rows: 1, columns: Self.width)
        source.take([0.3, -0.1, 0.7])
        for _ in 0..<5 {
            var rows = RowGradients(slotsMax: 1, dimensions: Self.width)
            rows.add(1, from: source, row: 0, scale: 1)
            rows.addBias(1, 0.2)
            first.apply(rows, RowOptimizer(), rate: 0.1, epsilon: 1e-6)
            second.applyAdagrad(rows, rate: 0.1, epsilon: 1e-6)
        }
        #expect(first.vectors.values(rows: 2) == second.vectors.values(rows: 2))
        #expect(first.moments(of: 0) == nil, "nothing is remembered beside the sums")
    }

    /// Dense gradient descent, in closed form: with a constant gradient the speed is g (1 - mᵗ) / (1 - m).
    @Test func denseMomentumIsASumOfPowers() {
        var parameter = Parameter("w", rows: 1, columns: 1)
        var optimizer = DenseOptimizer(.sgd, rate: 0.1)
        optimizer.momentum = 0.8
        var expected = 0.0
        for step in 1...6 {
            parameter.gradient[0, 0] = 2
            optimizer.beginStep()
            optimizer.update(&parameter, gradientScale: 1)
            expected -= 0.1 * 2 * (1 - pow(0.8, Double(step))) / 0.2
        }
        #expect(abs(Double(parameter.value[0, 0]) - expected) < 1e-5)
    }
}
