import Foundation
import Tensors
import Testing

@testable import SequenceModels

@Suite struct AttentionTests {
    private func subject(
        dimensions: Int, heads: Int, activation: Activation, positionsMax: Int = 100, scatter: Float = 0.3
    ) -> EncoderSubject {
        var configuration = AttentionConfiguration()
        configuration.heads = heads
        configuration.activation = activation
        configuration.expansion = 2
        configuration.distancesMax = 6
        return EncoderSubject(dimensions: dimensions, scatter: scatter) {
            AttentionEncoder(configuration, positionsMax: positionsMax, dimensions: dimensions, using: &$0)
        }
    }

    /// Widths that no vector divides, several heads, windows past a block of sixteen rows and past the last distance.
    @Test(arguments: [
        (5, 1, Activation.silu, [3, 1, 5]), (32, 2, .gelu, [17, 2]), (16, 1, .tanh, [33]), (7, 1, .sigmoid, [1]),
        (6, 1, .identity, [2, 2, 2]),
    ])
    func backwardIsTheGradientOfForward(dimensions: Int, heads: Int, activation: Activation, lengths: [Int]) {
        let subject = subject(dimensions: dimensions, heads: heads, activation: activation)
        let windows = EncoderSubject.windows(lengths, seed: 3)
        let slopes = subject.slopes(windows, stride: dimensions > 10 ? 41 : 3, step: 0.01)
        #expect(slopes.count > 100)
        // A step of .01 curves by up to 1e-3 of the larger slopes.
        let largest = slopes.map { abs($0.numeric) }.max() ?? 0
        for slope in slopes {
            #expect(abs(slope.analytic - slope.numeric) < 3e-3 * (1 + largest), "\(slope)")
        }
        let error = slopes.map { abs($0.analytic - $0.numeric) }.reduce(0, +) / slopes.map { abs($0.numeric) }.reduce(0, +)
        #expect(error < 1e-3, "\(error)")
    }

    @Test func aStateKnowsNothingOfWhatComesAfter() {
        let subject = subject(dimensions: 16, heads: 1, activation: .silu)
        let table = EncoderSubject.table(dimensions: 16)
        let window = EncoderSubject.windows([20], seed: 8)[0]
        let whole = subject.states([window], table)[0]
        for length in [1, 7, 16, 19] {
            let part = subject.states([Array(window.prefix(length))], table)[0]
            for (short, long) in zip(part, whole) { #expect(close(short, long, 1e-5)) }
        }
        var changed = window
        changed[12].item = (window[12].item + 1) % ItemIndex(EncoderSubject.items)
        let other = subject.states([changed], table)[0]
        #expect(close(other[11], whole[11], 1e-6))
        #expect(!close(other[12], whole[12], 1e-3))
    }

    @Test func aStateDependsOnDistancesNotOnPlaces() {
        // Of one block a position reads its neighbours only as far as they go: with the first events cut off,
        // and their weight gone, the rest is as it was.
        let subject = subject(dimensions: 16, heads: 1, activation: .silu)
        subject.encoder.forEachParameter { parameter in
            if parameter.name.hasSuffix("distance_bias") {
                for distance in 3..<parameter.columns { parameter.value[0, distance] = -80 }
            }
        }
        let table = EncoderSubject.table(dimensions: 16)
        // No item twice, so that nothing is a repeat.
        let window = (0..<12).map { SessionEvent(item: ItemIndex($0), type: 1, gap: 2) }
        let whole = subject.states([window], table)[0]
        let late = subject.states([Array(window.suffix(7))], table)[0]
        #expect(close(late[6], whole[11], 1e-5))
    }

    @Test func windowsDoNotReadEachOther() {
        let subject = subject(dimensions: 16, heads: 1, activation: .relu)
        let table = EncoderSubject.table(dimensions: 16)
        let windows = EncoderSubject.windows([9, 20, 1, 20, 17], seed: 4)
        let together = subject.states(windows, table)
        for (place, window) in windows.enumerated() {
            let alone = subject.states([window], table)[0]
            #expect(alone.count == window.count)
            for (left, right) in zip(alone, together[place]) { #expect(close(left, right, 1e-5)) }
        }
    }

    @Test func oneItemForEverAndWeightsOfZeroGiveFiniteStates() {
        let table = EncoderSubject.table(dimensions: 16)
        let same = [SessionEvent](repeating: SessionEvent(item: 3), count: 50)
        let drawn = subject(dimensions: 16, heads: 1, activation: .silu).states([same], table)[0]
        #expect(drawn.joined().allSatisfy { $0.isFinite })
        let blank = subject(dimensions: 16, heads: 1, activation: .silu)
        blank.encoder.forEachParameter { $0.value.fill(0, rows: 0..<$0.rows) }
        let slopes = blank.slopes([same], stride: 50, step: 0.01)
        #expect(slopes.allSatisfy { slope in slope.analytic.isFinite })
        #expect(blank.states([same], table)[0].joined().allSatisfy { $0 == 0 })
    }

    @Test func droppedValuesAreDroppedOnTheWayBackToo() {
        let subject = subject(dimensions: 16, heads: 1, activation: .silu)
        let table = EncoderSubject.table(dimensions: 16)
        let batch = EncoderSubject.batch(EncoderSubject.windows([6], seed: 2))
        var (first, second) = (Dropout(rate: 0.4, seed: 9), Dropout(rate: 0.4, seed: 9))
        subject.encoder.forward(batch, table, dropout: &first)
        let once = subject.encoder.withHidden { $0.values(rows: 6) }
        var rows = RowGradients(slotsMax: 12, dimensions: 16)
        var gradient = Matrix(rows: 6, columns: 16)
        gradient.fill(1, rows: 0..<6)
        gradient[2, 3] = -4
        subject.encoder.clearGradients()
        subject.encoder.backward(batch, table, hiddenGradient: gradient, rows: &rows)
        var bias = 0.0
        subject.encoder.forEachParameter { parameter in
            if parameter.name == "attention.1.forward_1.bias" { bias = Double(parameter.gradient[0, 4]) }
        }
        // The same chance gives the same states, and a step along one parameter the slope that was found.
        func total(_ change: Float) -> Double {
            subject.encoder.forEachParameter { if $0.name == "attention.1.forward_1.bias" { $0.value[0, 4] += change } }
            var dropout = Dropout(rate: 0.4, seed: 9)
            subject.encoder.forward(batch, table, dropout: &dropout)
            let sum = subject.encoder.withHidden { hidden in
                (0..<6).reduce(0.0) { sum, row in
                    (0..<16).reduce(sum) { $0 + Double(gradient[row, $1]) * Double(hidden[row, $1]) }
                }
            }
            subject.encoder.forEachParameter { if $0.name == "attention.1.forward_1.bias" { $0.value[0, 4] -= change } }
            return sum
        }
        let numeric = (total(0.01) - total(-0.01)) / 0.02
        #expect(abs(bias - numeric) < 5e-3 * (1 + abs(numeric)), "\(bias) \(numeric)")
        subject.encoder.forward(batch, table, dropout: &second)
        #expect(subject.encoder.withHidden { $0.values(rows: 6) } == once)
        #expect(first.generator.state == second.generator.state)
    }

    /// Before a norm only the ratio of inputs to additions counts: halved additions that move at half the rate are doubled inputs,
    /// step after step.
    @Test func halvedAdditionsAreDoubledInputs() {
        func encoder(addedShare: Float, inputScale: Float) -> EncoderSubject {
            var configuration = AttentionConfiguration()
            (configuration.addedShare, configuration.inputScale) = (addedShare, inputScale)
            return EncoderSubject(dimensions: 16, scatter: 0) {
                AttentionEncoder(configuration, positionsMax: 40, dimensions: 16, using: &$0)
            }
        }
        let table = EncoderSubject.table(dimensions: 16)
        let windows = EncoderSubject.windows([9, 4], seed: 7)
        func states(_ subject: EncoderSubject, steps: Int) -> [Float] {
            let batch = EncoderSubject.batch(windows)
            var optimizer = DenseOptimizer(.adam, rate: 0.01)
            var gradient = Matrix(rows: batch.positionCount, columns: 16)
            for row in 0..<batch.positionCount { for column in 0..<16 { gradient[row, column] = Float((row + 3 * column) % 7 - 3) } }
            for _ in 0..<steps {
                var dropout = Dropout.none
                var rows = RowGradients(slotsMax: 40, dimensions: 16)
                subject.encoder.clearGradients()
                subject.encoder.forward(batch, table, dropout: &dropout)
                subject.encoder.backward(batch, table, hiddenGradient: gradient, rows: &rows)
                subject.encoder.update(&optimizer, gradientScale: 1)
            }
            return subject.states(windows, table).flatMap { $0.flatMap { $0 } }
        }
        for steps in [0, 1, 5] {
            let halved = states(encoder(addedShare: 0.5, inputScale: 1), steps: steps)
            let doubled = states(encoder(addedShare: 1, inputScale: 2), steps: steps)
            #expect(close(halved, doubled, 0.01), "\(steps) steps")
            // Neither is what it would be without.
            #expect(!close(halved, states(encoder(addedShare: 1, inputScale: 1), steps: steps), 0.01), "\(steps) steps")
        }
    }

    @Test func aShareOfTheRateIsLeftOut() {
        var mask = Matrix(rows: 200, columns: 50)
        for (share, left) in [(Float(1), 0.6), (0.5, 0.8), (0, 1)] {
            var dropout = Dropout(rate: 0.4, seed: 3)
            dropout.draw(&mask, rows: 0..<200, share: share)
            let kept = mask.values(rows: 200).filter { $0 > 0 }
            #expect(abs(Double(kept.count) / 10_000 - left) < 0.02)
            #expect(kept.allSatisfy { abs($0 - 1 / Float(left)) < 1e-5 })
        }
    }

    @Test func parametersCarriedOverGiveTheSameStates() {
        let table = EncoderSubject.table(dimensions: 16)
        let windows = EncoderSubject.windows([5, 9], seed: 1)
        let from = subject(dimensions: 16, heads: 1, activation: .gelu)
        var kept: [(String, [Float])] = []
        from.encoder.forEachParameter { kept.append(($0.name, $0.value.values(rows: $0.rows))) }
        let names = Set(kept.map { $0.0 })
        #expect(names.count == kept.count, "names tell tensors apart")
        let to = subject(dimensions: 16, heads: 1, activation: .gelu, scatter: 0)
        #expect(to.states(windows, table) != from.states(windows, table))
        var place = 0
        to.encoder.forEachParameter {
            #expect($0.name == kept[place].0)
            $0.value.take(kept[place].1)
            place += 1
        }
        #expect(to.states(windows, table) == from.states(windows, table))
    }

    @Test func shapesThatDoNotFitAreRefused() async {
        await #expect(processExitsWith: .failure) {
            var configuration = AttentionConfiguration()
            configuration.heads = 3
            var generator = SeededGenerator(seed: 1)
            _ = AttentionEncoder(configuration, positionsMax: 4, dimensions: 64, using: &generator)
        }
        await #expect(processExitsWith: .failure) {
            var configuration = AttentionConfiguration()
            configuration.heads = 2
            var generator = SeededGenerator(seed: 1)
            // Heads of eight cannot stand side by side.
            _ = AttentionEncoder(configuration, positionsMax: 4, dimensions: 16, using: &generator)
        }
    }

    private func close(_ left: [Float], _ right: [Float], _ tolerance: Float) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { abs($0 - $1) < tolerance * (1 + abs($1)) }
    }
}
