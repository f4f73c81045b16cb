import Foundation
import Tensors
import Testing

@testable import SequenceModels

/// The backward pass against central differences of a forward pass that is written once more, in Double
/// and without any kernel.
@Suite struct GradientTests {
    /// The whole model as one list of numbers: vectors, biases, then the encoder's tensors.
    private struct Reference {
        let items = 9
        let width = 5
        let windows: [[Int]] = [[0, 4, 4, 1], [8, 2], [3, 7, 5, 3, 6, 7]]
        let weights = [1.0, 0.3, 1, 2, 0, 1, 1, 0.5, 1]
        let negatives = [3, 6, 1, 1]
        let logExpected = [0.2, -0.5, 0, 0]
        var values: [Double]

        init(seed: UInt64) {
            var generator = SeededGenerator(seed: seed)
            let count = items * width + items + 2 * 3 * width * width + 2 * 3 * width + RepeatHead.kinds * (width + 1)
            values = (0..<count).map { _ in Double(generator.nextSymmetric(0.6)) }
        }

        var biasStart: Int { items * width }
        /// W_i, W_h, b_i, b_h, and the repeat head's W and c begin here.
        var tensorStarts: [Int] {
            let square = 3 * width * width
            let first = biasStart + items
            let head = first + 2 * square + 6 * width
            return [first, first + square, first + 2 * square, head - 3 * width, head, head + RepeatHead.kinds * width]
        }

        func vector(_ item: Int) -> [Double] { Array(values[item * width..<(item + 1) * width]) }

        func gate(_ row: Int, weights: Int, bias: Int, _ x: [Double]) -> Double {
            let start = tensorStarts[weights] + row * width
            return values[tensorStarts[bias] + row] + (0..<width).reduce(0) { $0 + values[start + $1] * x[$1] }
        }

        func step(_ x: [Double], _ h: [Double]) -> [Double] {
            func sigmoid(_ v: Double) -> Double { 1 / (1 + exp(-v)) }
            return (0..<width).map { i in
                let r = sigmoid(gate(i, weights: 0, bias: 2, x) + gate(i, weights: 1, bias: 3, h))
                let z = sigmoid(gate(width + i, weights: 0, bias: 2, x) + gate(width + i, weights: 1, bias: 3, h))
                let n = tanh(gate(2 * width + i, weights: 0, bias: 2, x) + r * gate(2 * width + i, weights: 1, bias: 3, h))
                return (1 - z) * n + z * h[i]
            }
        }

        /// - Parameter session: the items read so far.
        func score(_ h: [Double], _ item: Int, after session: [Int]) -> Double {
            let score = zip(h, vector(item)).reduce(values[biasStart + item]) { $0 + $1.0 * $1.1 }
            guard let last = session.lastIndex(of: item) else { return score }
            let kind = min(Set(session[(last + 1)...]).count, RepeatHead.kinds - 1)
            return score + gate(kind, weights: 4, bias: 5, h)
        }

        var loss: Double {
            var total = 0.0
            var position = 0
            for window in windows {
                var session: [Int] = []
                var h = [Double](repeating: 0, count: width)
                for (item, target) in zip(window, window.dropFirst()) {
                    h = step(vector(item), h)
                    session.append(item)
                    var sum = exp(score(h, target, after: session))
                    for (place, negative) in negatives.enumerated() where negative != target {
                        sum += exp(score(h, negative, after: session) - logExpected[place])
                    }
                    total += weights[position] * (log(sum) - score(h, target, after: session))
                    position += 1
                }
            }
            return total
        }

        /// The gradient by central differences.
        var gradient: [Double] {
            let step = 1e-5
            return values.indices.map { place in
                var (above, below) = (self, self)
                above.values[place] += step
                below.values[place] -= step
                return (above.loss - below.loss) / (2 * step)
            }
        }
    }

    private static let tensorNames = ["gru.weight_ih", "gru.weight_hh", "gru.bias_ih", "gru.bias_hh", "gru.repeat_head.weight", "gru.repeat_head.bias"]

    private func table(_ reference: Reference) -> EmbeddingTable {
        var generator = SeededGenerator(seed: 1)
        var table = EmbeddingTable(capacity: reference.items, dimensions: reference.width)
        for item in 0..<reference.items {
            let bias = Float(reference.values[reference.biasStart + item])
            table.initializeRow(ItemIndex(item), limit: 1, bias: bias, using: &generator)
            for (column, value) in reference.vector(item).enumerated() { table.vectors[item, column] = Float(value) }
        }
        return table
    }

    private func encoder(_ reference: Reference) -> GRUEncoder {
        var generator = SeededGenerator(seed: 1)
        let encoder = GRUEncoder(positionsMax: 9, dimensions: reference.width, using: &generator)
        let ends = Array(reference.tensorStarts.dropFirst()) + [reference.values.count]
        encoder.forEachParameter { parameter in
            guard let place = Self.tensorNames.firstIndex(of: parameter.name) else { return }
            parameter.value.take(reference.values[reference.tensorStarts[place]..<ends[place]].map { Float($0) })
        }
        return encoder
    }

    private func batch(_ reference: Reference) -> SequenceBatch {
        var batch = SequenceBatch(positionsMax: 9)
        for window in reference.windows {
            let first = batch.positionCount
            let events = window.map { SessionEvent(item: ItemIndex($0)) }
            batch.append(events.span) { Float(reference.weights[first + $0]) }
        }
        batch.arrange()
        return batch
    }

    /// The loss, and its gradient in the order of the reference's values.
    private func differentiate(_ reference: Reference) -> (loss: Double, gradient: [Double]) {
        let width = reference.width
        let table = table(reference)
        let encoder = encoder(reference)
        var dropout = Dropout.none
        let batch = batch(reference)
        var negatives = NegativeSample(count: reference.negatives.count)
        negatives.items = reference.negatives.map { ItemIndex($0) }
        negatives.logExpectedCounts = reference.logExpected.map { Float($0) }
        var softmax = SampledSoftmax(temperature: nil, positionsMax: 9, negativesMax: 4, dimensions: width)
        var rows = RowGradients(slotsMax: 32, dimensions: width)
        encoder.forward(batch, table, dropout: &dropout)
        let loss = encoder.withHidden {
            softmax.lossAndGradient(hidden: $0, batch, negatives, table, head: encoder.repeatHead, rows: &rows)
        }
        encoder.backward(batch, table, hiddenGradient: softmax.hiddenGradient, rows: &rows)

        var values = [Double](repeating: 0, count: reference.biasStart + reference.items)
        for slot in 0..<rows.count {
            let item = Int(rows.item(at: slot))
            let vector = rows.withVector(at: slot) { vector in (0..<width).map { Double(vector[$0]) } }
            values.replaceSubrange(item * width..<(item + 1) * width, with: vector)
            values[reference.biasStart + item] = Double(rows.bias(at: slot))
        }
        encoder.forEachParameter { parameter in
            guard Self.tensorNames.contains(parameter.name) else { return }
            values += parameter.gradient.values(rows: parameter.rows).map { Double($0) }
        }
        return (Double(loss), values)
    }

    @Test(arguments: [UInt64(1), 2, 3]) func backwardIsTheGradientOfForward(seed: UInt64) {
        let reference = Reference(seed: seed)
        let result = differentiate(reference)
        #expect(abs(result.loss - reference.loss) < 1e-5)
        let expected = reference.gradient
        #expect(result.gradient.count == expected.count)
        for (place, (analytic, numeric)) in zip(result.gradient, expected).enumerated() {
            #expect(abs(analytic - numeric) < 1e-5 * (1 + abs(numeric)), "parameter \(place)")
        }
    }

    @Test func clippingKeepsTheDirection() throws {
        var generator = SeededGenerator(seed: 1)
        let encoder = GRUEncoder(positionsMax: 1, dimensions: 2, using: &generator)
        encoder.parameters.inputBias.gradient[0, 0] = 3
        encoder.parameters.hiddenWeights.gradient[5, 1] = 4
        #expect(encoder.gradientScale(forNorm: 10) == 1)
        #expect(abs(try #require(encoder.gradientScale(forNorm: 1)) - 0.2) < 1e-6)
        encoder.parameters.hiddenBias.gradient[0, 1] = .infinity
        #expect(encoder.gradientScale(forNorm: 1) == nil)
    }

    /// Every optimizer sees the gradient as if it had been multiplied before.
    @Test(arguments: DenseOptimizer.Kind.allCases) func aScaledGradientIsTheSameAsASmallerOne(kind: DenseOptimizer.Kind) {
        var values: [[Float]] = []
        for (slope, scale) in [(Float(2), Float(0.25)), (0.5, 1)] {
            var optimizer = DenseOptimizer(kind, rate: 0.1)
            var parameter = Parameter("p", rows: 2, columns: 3)
            for _ in 0..<3 {
                for column in 0..<3 { parameter.gradient[1, column] = slope * Float(column + 1) }
                optimizer.beginStep()
                optimizer.update(&parameter, gradientScale: scale)
            }
            values.append(parameter.value.values(rows: 2))
        }
        #expect(values[0] == values[1])
        #expect(values[0][4] < 0)
    }
}
