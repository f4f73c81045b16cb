import Foundation
import Tensors
import Testing

@testable import SequenceModels

/// What PyTorch computed of the same numbers: `Golden/make_gru.py` made the file.
@Suite struct GoldenTests {
    private struct Golden: Decodable {
        var format: String
        var version: Int
        var items: Int
        var width: Int
        var windows: [[ItemIndex]]
        var weights: [Float]
        var negatives: [ItemIndex]
        var log_expected: [Float]
        var rate: Float
        var epsilon: Float
        var dense_rate: Float
        var parameters: [String: [Float]]
        var hidden: [Float]
        var loss: Float
        var gradients: [String: [Float]]
        var losses: [Float]
        var final_table: [Float]
    }

    /// Float against double, over a handful of positions.
    private static let tolerance: Float = 2e-6

    private let golden: Golden

    init() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden/gru.json")
        golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: path))
        try #require(golden.format == "freshet-golden-gru" && golden.version == 1)
    }

    private func table() throws -> EmbeddingTable {
        var table = EmbeddingTable(capacity: golden.items + 5, dimensions: golden.width)
        var generator = SeededGenerator(seed: 1)
        let vectors = try #require(golden.parameters["table"])
        let biases = try #require(golden.parameters["biases"])
        for item in 0..<golden.items {
            table.initializeRow(ItemIndex(item), limit: 1, bias: biases[item], using: &generator)
            for column in 0..<golden.width { table.vectors[item, column] = vectors[item * golden.width + column] }
        }
        return table
    }

    private func encoder() throws -> GRUParameters {
        var parameters = GRUParameters(dimensions: golden.width)
        for name in GRUParameters.Name.allCases {
            let values = try #require(golden.parameters[name.rawValue])
            parameters.withMutableTensor(name) { $0.take(values) }
        }
        return parameters
    }

    private func batch() -> SequenceBatch {
        var batch = SequenceBatch(positionsMax: 16)
        for window in golden.windows {
            let first = batch.positionCount
            batch.append(window.span) { golden.weights[first + $0] }
        }
        batch.arrange()
        return batch
    }

    private func negatives() -> NegativeSample {
        var negatives = NegativeSample(count: golden.negatives.count)
        negatives.items = golden.negatives
        negatives.logExpectedCounts = golden.log_expected
        return negatives
    }

    @Test func hiddenStatesLossAndGradientsAreThoseOfPyTorch() throws {
        let table = try table()
        let parameters = try encoder()
        let batch = batch()
        var activations = GRUActivations(positionsMax: 16, dimensions: golden.width)
        var loss = SampledSoftmax(positionsMax: 16, negativesMax: golden.negatives.count, dimensions: golden.width)
        var rows = RowGradients(slotsMax: 64, dimensions: golden.width)
        var gradients = GRUParameters(dimensions: golden.width)

        GRU.forward(parameters, table, batch, into: &activations)
        // The file goes window by window.
        var hidden: [Float] = []
        for (window, items) in golden.windows.enumerated() {
            let row = try #require(batch.order.firstIndex(of: window))
            for time in 0..<items.count - 1 {
                hidden += activations.hidden.withRow(batch.steps[time].lowerBound + row) { state in
                    (0..<state.count).map { state[$0] }
                }
            }
        }
        #expect(distance(hidden, golden.hidden) < Self.tolerance)

        let total = loss.lossAndGradient(hidden: activations.hidden, batch, negatives(), table, rows: &rows)
        #expect(abs(total - golden.loss) < Self.tolerance * abs(golden.loss))

        GRU.backward(
            parameters, batch, hiddenGradient: loss.hiddenGradient, &activations, gradients: &gradients, rows: &rows)
        for name in GRUParameters.Name.allCases {
            let result = gradients.withTensor(name) { $0.values(rows: $0.rows) }
            #expect(distance(result, try #require(golden.gradients[name.rawValue])) < Self.tolerance, "\(name.rawValue)")
        }
        var vectors = [Float](repeating: 0, count: golden.items * golden.width)
        var biases = [Float](repeating: 0, count: golden.items)
        for slot in 0..<rows.count {
            let item = Int(rows.item(at: slot))
            biases[item] = rows.bias(at: slot)
            rows.withVector(at: slot) { for column in 0..<golden.width { vectors[item * golden.width + column] = $0[column] } }
        }
        #expect(distance(vectors, try #require(golden.gradients["table"])) < Self.tolerance)
        #expect(distance(biases, try #require(golden.gradients["biases"])) < Self.tolerance)
    }

    @Test func tenStepsGoWherePyTorchGoes() throws {
        var table = try table()
        var parameters = try encoder()
        let (batch, negatives) = (batch(), negatives())
        var activations = GRUActivations(positionsMax: 16, dimensions: golden.width)
        var loss = SampledSoftmax(positionsMax: 16, negativesMax: golden.negatives.count, dimensions: golden.width)
        var rows = RowGradients(slotsMax: 64, dimensions: golden.width)
        var gradients = GRUParameters(dimensions: golden.width)
        var optimizer = Adam(dimensions: golden.width)
        var losses: [Float] = []
        for _ in golden.losses {
            rows.removeAll()
            gradients.clear()
            GRU.forward(parameters, table, batch, into: &activations)
            losses.append(loss.lossAndGradient(hidden: activations.hidden, batch, negatives, table, rows: &rows))
            GRU.backward(
                parameters, batch, hiddenGradient: loss.hiddenGradient, &activations, gradients: &gradients, rows: &rows)
            table.applyAdagrad(rows, rate: golden.rate, epsilon: golden.epsilon)
            optimizer.update(&parameters, gradients: gradients, rate: golden.dense_rate)
        }
        for (result, expected) in zip(losses, golden.losses) { #expect(abs(result - expected) < 1e-4) }
        let final = table.vectors.values(rows: golden.items)
        #expect(distance(final, golden.final_table) < 1e-4)
    }

    /// The largest difference of two lists of one length.
    private func distance(_ left: [Float], _ right: [Float]) -> Float {
        guard left.count == right.count else { return .infinity }
        return zip(left, right).map { abs($0 - $1) }.max() ?? 0
    }
}

extension Matrix {
    /// The first rows, one after another, without padding.
    func values(rows: Int) -> [Float] {
        var values: [Float] = []
        for row in 0..<rows { withRow(row) { for column in 0..<columns { values.append($0[column]) } } }
        return values
    }

    mutating func take(_ values: [Float]) {
        precondition(values.count == rows * columns, "a value for every place")
        for (place, value) in values.enumerated() { self[place / columns, place % columns] = value }
    }
}
