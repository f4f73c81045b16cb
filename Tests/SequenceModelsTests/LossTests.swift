import Foundation
import Tensors
import Testing

@testable import SequenceModels

/// Every loss with plain scores and with cosines: against PyTorch, against central differences of the formulas
/// written once more in Double, and against each other.
@Suite struct LossTests {
    static let names = ["sampled_softmax", "full_softmax", "bpr_max", "gbce", "binary_cross_entropy", "squared_error"]

    /// What `Golden/make_losses.py` made.
    private struct Golden: Decodable {
        struct Case: Decodable {
            var loss: String
            var cosine: Bool
            var value: Float
            var gradients: [String: [Float]]
        }

        var format: String
        var version: Int
        var items: Int
        var width: Int
        var temperature: Float
        var regularization: Float
        var calibration: Float
        var targets: [ItemIndex]
        var values: [Float?]
        var weights: [Float]
        var negatives: [ItemIndex]
        var log_expected: [Float]
        var parameters: [String: [Float]]
        var cases: [Case]
    }

    private let golden: Golden

    init() throws {
        golden = try GoldenFile.decode(Golden.self, "losses")
        try #require(golden.format == "freshet-golden-losses" && golden.version == 1)
    }

    private func loss(_ name: String) throws -> Loss {
        try #require(Loss(name: name, regularization: golden.regularization, calibration: golden.calibration))
    }

    /// Windows of one event and its target: position p is row p.
    private func batch() -> SequenceBatch {
        var batch = SequenceBatch(positionsMax: golden.targets.count)
        for (place, target) in golden.targets.enumerated() {
            var event = SessionEvent(item: target)
            event.value = golden.values[place]
            let window = [SessionEvent(item: 0), event]
            batch.append(window.span) { _ in golden.weights[place] }
        }
        batch.arrange()
        return batch
    }

    private func negativeSample() -> NegativeSample {
        var negatives = NegativeSample(count: golden.negatives.count)
        negatives.items = golden.negatives
        negatives.logExpectedCounts = golden.log_expected
        return negatives
    }

    private struct Result {
        var value: Float
        var hidden: [Float]
        var vectors: [Float]
        var biases: [Float]
    }

    private func differentiate(
        _ loss: Loss, temperature: Float?, hidden values: [Float], vectors: [Float], biases: [Float]
    ) -> Result {
        let (positions, width) = (golden.targets.count, golden.width)
        var hidden = Matrix(rows: positions, columns: width)
        hidden.take(values)
        let table = EmbeddingTable.of(vectors, biases: biases, width: width)
        var workspace = CandidateLoss(
            loss, temperature: temperature, positionsMax: positions,
            candidatesMax: max(golden.negatives.count, golden.items), dimensions: width)
        var rows = RowGradients(slotsMax: golden.items, dimensions: width)
        let value = workspace.lossAndGradient(hidden: hidden, batch(), negativeSample(), table, head: nil, rows: &rows)
        let dense = rows.dense(items: golden.items, width: width)
        return Result(
            value: value, hidden: workspace.hiddenGradient.values(rows: positions), vectors: dense.vectors,
            biases: dense.biases)
    }

    @Test(arguments: names, [false, true]) func valueAndGradientsAreThoseOfPyTorch(name: String, cosine: Bool) throws {
        let expected = try #require(golden.cases.first { $0.loss == name && $0.cosine == cosine })
        let result = differentiate(
            try loss(name), temperature: cosine ? golden.temperature : nil,
            hidden: try #require(golden.parameters["hidden"]), vectors: try #require(golden.parameters["table"]),
            biases: try #require(golden.parameters["biases"]))
        let tolerance: Float = 1e-5 * max(1, abs(expected.value))
        #expect(abs(result.value - expected.value) < tolerance, "\(result.value), not \(expected.value)")
        #expect(distance(result.hidden, try #require(expected.gradients["hidden"])) < tolerance)
        #expect(distance(result.vectors, try #require(expected.gradients["table"])) < tolerance)
        #expect(distance(result.biases, try #require(expected.gradients["biases"])) < tolerance)
    }

    /// One position's loss in Double, from its definition.
    private func reference(_ name: String, score: Double, others: [Double?], all: [Double], value: Float?) -> Double {
        let known = others.compactMap { $0 }
        func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
        switch name {
        case "sampled_softmax":
            let corrected = zip(others, golden.log_expected).compactMap { other, count in other.map { $0 - Double(count) } }
            return log(corrected.reduce(exp(score)) { $0 + exp($1) }) - score
        case "full_softmax": return log(all.reduce(0) { $0 + exp($1) }) - score
        case "bpr_max":
            let sum = known.reduce(0) { $0 + exp($1) }
            let won = known.reduce(0) { $0 + exp($1) / sum * sigmoid(score - $1) }
            return -log(won) + Double(golden.regularization) * known.reduce(0) { $0 + exp($1) / sum * $1 * $1 }
        case "squared_error": return value.map { pow(score - Double($0), 2) } ?? 0
        default:
            let alpha = Double(others.count) / Double(golden.items - 1)
            let power = name == "gbce" ? 1 - Double(golden.calibration) * (1 - alpha) : 1
            let misses = known.reduce(0) { $0 - log(1 - sigmoid($1)) }
            return (misses - power * log(sigmoid(score))) / Double(others.count + 1)
        }
    }

    /// The whole loss in Double; `values` are hidden states, vectors and biases, one after another.
    private func reference(_ name: String, temperature: Double?, _ values: [Double]) -> Double {
        let (positions, width, items) = (golden.targets.count, golden.width, golden.items)
        func part(_ first: Int) -> [Double] { Array(values[first..<first + width]) }
        func unit(_ x: [Double]) -> [Double] {
            guard temperature != nil else { return x }
            let norm = sqrt(x.reduce(0) { $0 + $1 * $1 })
            return x.map { $0 / norm }
        }
        let vectors = (0..<items).map { unit(part((positions + $0) * width)) }
        var total = 0.0
        for (position, target) in golden.targets.enumerated() {
            let state = unit(part(position * width))
            let all = (0..<items).map { item in
                zip(state, vectors[item]).reduce(0) { $0 + $1.0 * $1.1 } / (temperature ?? 1)
                    + values[(positions + items) * width + item]
            }
            let others = golden.negatives.map { $0 == target ? nil : all[Int($0)] }
            total += Double(golden.weights[position])
                * reference(name, score: all[Int(target)], others: others, all: all, value: golden.values[position])
        }
        return total
    }

    @Test(arguments: names, [nil, 0.3] as [Float?])
    func theGradientIsThatOfTheFormula(name: String, temperature: Float?) throws {
        var generator = SeededGenerator(seed: 12)
        let (states, vectors) = (golden.targets.count * golden.width, golden.items * golden.width)
        let values = (0..<states + vectors + golden.items).map { _ in Double(generator.nextSymmetric(0.8)) }
        let floats = values.map { Float($0) }
        let result = differentiate(
            try loss(name), temperature: temperature, hidden: Array(floats.prefix(states)),
            vectors: Array(floats[states..<states + vectors]), biases: Array(floats.suffix(golden.items)))
        let scale = temperature.map { Double($0) }
        #expect(abs(Double(result.value) - reference(name, temperature: scale, values)) < 1e-4)
        let analytic = result.hidden + result.vectors + result.biases
        for place in values.indices {
            var (above, below) = (values, values)
            above[place] += 1e-5
            below[place] -= 1e-5
            let numeric = (reference(name, temperature: scale, above) - reference(name, temperature: scale, below)) / 2e-5
            #expect(abs(Double(analytic[place]) - numeric) < 1e-4 * (1 + abs(numeric)), "place \(place)")
        }
    }

    /// Few products are not rounded to bfloat16.
    @Test(arguments: [false, true]) func theFastSampledSoftmaxIsThatOfPyTorch(cosine: Bool) throws {
        let expected = try #require(golden.cases.first { $0.loss == "sampled_softmax" && $0.cosine == cosine })
        let (positions, width) = (golden.targets.count, golden.width)
        var hidden = Matrix(rows: positions, columns: width)
        hidden.take(try #require(golden.parameters["hidden"]))
        let table = EmbeddingTable.of(
            try #require(golden.parameters["table"]), biases: try #require(golden.parameters["biases"]), width: width)
        var softmax = SampledSoftmax(
            temperature: cosine ? golden.temperature : nil, positionsMax: positions,
            negativesMax: golden.negatives.count, dimensions: width)
        var rows = RowGradients(slotsMax: golden.items, dimensions: width)
        let value = softmax.lossAndGradient(hidden: hidden, batch(), negativeSample(), table, head: nil, rows: &rows)
        let dense = rows.dense(items: golden.items, width: width)
        let tolerance: Float = 1e-5 * max(1, abs(expected.value))
        #expect(abs(value - expected.value) < tolerance, "\(value), not \(expected.value)")
        let slopes = softmax.hiddenGradient.values(rows: positions)
        #expect(distance(slopes, try #require(expected.gradients["hidden"])) < tolerance)
        #expect(distance(dense.vectors, try #require(expected.gradients["table"])) < tolerance)
        #expect(distance(dense.biases, try #require(expected.gradients["biases"])) < tolerance)
    }

    /// Positions go in blocks: 110 of them must give the same as the special case that takes them at once. So few
    /// products are not rounded.
    @Test(arguments: [nil, 0.3] as [Float?])
    func manyPositionsAreTheSameAsTheFastSampledSoftmax(temperature: Float?) {
        let (items, width, positions) = (40, 16, 110)
        var generator = SeededGenerator(seed: 8)
        func drawn(_ count: Int) -> [Float] { (0..<count).map { _ in generator.nextSymmetric(0.5) } }
        let table = EmbeddingTable.of(drawn(items * width), biases: drawn(items), width: width)
        var hidden = Matrix(rows: positions, columns: width)
        hidden.take(drawn(positions * width))
        var negatives = NegativeSample(count: 20)
        // The first items often repeat, and are often negatives.
        negatives.items = (0..<20).map { _ in ItemIndex(generator.next(below: 8)) }
        negatives.logExpectedCounts = drawn(20)
        var batch = SequenceBatch(positionsMax: positions)
        for _ in 0..<positions {
            let window = (0..<2).map { _ in SessionEvent(item: ItemIndex(generator.next(below: 6))) }
            batch.append(window.span) { _ in 1 }
        }
        batch.arrange()
        var fast = SampledSoftmax(
            temperature: temperature, positionsMax: positions, negativesMax: 20, dimensions: width)
        var plain = CandidateLoss(
            .sampledSoftmax, temperature: temperature, positionsMax: positions, candidatesMax: 20, dimensions: width)
        var fastRows = RowGradients(slotsMax: items, dimensions: width)
        var plainRows = RowGradients(slotsMax: items, dimensions: width)
        let heads = (0..<2).map { _ in RepeatHead(prefix: "", positionsMax: positions, dimensions: width) }
        for column in 0..<width {
            let weight = generator.nextSymmetric(0.5)
            for head in heads { head.weights.value[0, column] = weight }
        }
        let expected = fast.lossAndGradient(hidden: hidden, batch, negatives, table, head: heads[0], rows: &fastRows)
        let result = plain.lossAndGradient(hidden: hidden, batch, negatives, table, head: heads[1], rows: &plainRows)
        let slopes = heads.map { $0.weights.gradient.values(rows: 1) + $0.biases.gradient.values(rows: 1) }
        #expect(distance(slopes[0], slopes[1]) < 1e-4)
        #expect(slopes[0].contains { abs($0) > 1 })
        #expect(abs(result - expected) < 1e-3)
        #expect(distance(fast.hiddenGradient.values(rows: positions), plain.hiddenGradient.values(rows: positions)) < 1e-5)
        let (left, right) = (fastRows.dense(items: items, width: width), plainRows.dense(items: items, width: width))
        #expect(distance(left.vectors, right.vectors) < 1e-4)
        #expect(distance(left.biases, right.biases) < 1e-4)
    }

    /// Where every negative is the target there is nobody to be better than.
    @Test(arguments: names) func aCatalogueOfOneItemIsNoReasonToFail(name: String) throws {
        let table = EmbeddingTable.of([0.5, -0.5], biases: [0.1], width: 2)
        var hidden = Matrix(rows: 1, columns: 2)
        hidden.take([1, 0.2])
        var batch = SequenceBatch(positionsMax: 1)
        let window = [SessionEvent(item: 0), SessionEvent(item: 0)]
        batch.append(window.span) { _ in 1 }
        batch.arrange()
        var workspace = CandidateLoss(
            try loss(name), temperature: 0.1, positionsMax: 1, candidatesMax: 3, dimensions: 2)
        var rows = RowGradients(slotsMax: 1, dimensions: 2)
        let value = workspace.lossAndGradient(hidden: hidden, batch, NegativeSample(count: 3), table, head: nil, rows: &rows)
        #expect(value.isFinite)
        #expect(workspace.hiddenGradient.values(rows: 1).allSatisfy { $0.isFinite })
        #expect(rows.dense(items: 1, width: 2).vectors.allSatisfy { $0.isFinite })
    }

    @Test func aVectorOfZerosHasNoDirectionAndDoesNoHarm() throws {
        let zeros = [Float](repeating: 0, count: golden.items * golden.width)
        for name in Self.names {
            let result = differentiate(
                try loss(name), temperature: 0.1, hidden: [Float](repeating: 0, count: golden.targets.count * golden.width),
                vectors: zeros, biases: [Float](repeating: 0, count: golden.items))
            #expect(result.value.isFinite, "\(name)")
        }
    }

    @Test func anUnknownNameIsNoLoss() {
        #expect(Loss(name: "hinge", regularization: 1, calibration: 1) == nil)
    }

    /// Values that no sensible stream has are none.
    @Test func valuesBeyondAMillionAreNone() {
        #expect(SessionEvent.value(4.5) == 4.5)
        #expect([nil, 1e300, -1e7].allSatisfy { SessionEvent.value($0) == nil })
    }
}
