import Foundation
import Tensors
import Testing

@testable import SequenceModels

/// What PyTorch computed of the same numbers: `Golden/make_attention.py` made the file.
@Suite struct AttentionGoldenTests {
    private struct Golden: Decodable {
        var format: String
        var version: Int
        var items: Int
        var width: Int
        /// Item, type, gap and repetition of each event.
        var windows: [[[Int]]]
        var weights: [Float]
        var negatives: [ItemIndex]
        var log_expected: [Float]
        var blocks: Int
        var expansion: Int
        var distances: Int
        var input_scale: Float
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

    /// Float against double, over a handful of positions and ten layers.
    private static let tolerance: Float = 1e-5

    private let golden: Golden

    init() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Golden/attention.json")
        golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: path))
        try #require(golden.format == "freshet-golden-attention" && golden.version == 1)
    }

    private func table() throws -> EmbeddingTable {
        var table = EmbeddingTable(capacity: golden.items, dimensions: golden.width)
        var generator = SeededGenerator(seed: 1)
        let vectors = try #require(golden.parameters["table"])
        let biases = try #require(golden.parameters["biases"])
        for item in 0..<golden.items {
            table.initializeRow(ItemIndex(item), limit: 1, bias: biases[item], using: &generator)
            for column in 0..<golden.width { table.vectors[item, column] = vectors[item * golden.width + column] }
        }
        return table
    }

    private func encoder() throws -> AttentionEncoder {
        var configuration = AttentionConfiguration()
        configuration.blocks = golden.blocks
        configuration.expansion = golden.expansion
        configuration.distancesMax = golden.distances
        configuration.inputScale = golden.input_scale
        configuration.activation = .silu
        var generator = SeededGenerator(seed: 1)
        let encoder = AttentionEncoder(configuration, positionsMax: 9, dimensions: golden.width, using: &generator)
        var taken = 0
        encoder.forEachParameter { parameter in
            guard let values = golden.parameters[parameter.name] else { return }
            parameter.value.take(values)
            taken += 1
        }
        try #require(taken == golden.parameters.count - 2)
        return encoder
    }

    private func batch() -> SequenceBatch {
        var batch = SequenceBatch(positionsMax: 9)
        for window in golden.windows {
            let first = batch.positionCount
            let events = window.map { SessionEvent(item: ItemIndex($0[0]), type: UInt8($0[1]), gap: UInt8($0[2])) }
            batch.append(events.span) { golden.weights[first + $0] }
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

    @Test func repetitionsAreWhatTheFileSays() {
        let batch = batch()
        for (rank, window) in batch.order.enumerated() {
            for time in 0..<golden.windows[window].count - 1 {
                #expect(Int(batch.repetitions[batch.steps[time].lowerBound + rank]) == golden.windows[window][time][3])
            }
        }
    }

    @Test func hiddenStatesLossAndGradientsAreThoseOfPyTorch() throws {
        let table = try table()
        let encoder = try encoder()
        let batch = batch()
        var dropout = Dropout.none
        var loss = SampledSoftmax(positionsMax: 9, negativesMax: golden.negatives.count, dimensions: golden.width)
        var rows = RowGradients(slotsMax: 64, dimensions: golden.width)

        encoder.forward(batch, table, dropout: &dropout)
        // The file goes window by window.
        var hidden: [Float] = []
        for (window, events) in golden.windows.enumerated() {
            let rank = try #require(batch.order.firstIndex(of: window))
            for time in 0..<events.count - 1 {
                hidden += encoder.withHidden { hidden in
                    hidden.withRow(batch.steps[time].lowerBound + rank) { state in (0..<state.count).map { state[$0] } }
                }
            }
        }
        #expect(distance(hidden, golden.hidden) < Self.tolerance)

        let total = encoder.withHidden { loss.lossAndGradient(hidden: $0, batch, negatives(), table, rows: &rows) }
        #expect(abs(total - golden.loss) < Self.tolerance * abs(golden.loss))

        encoder.backward(batch, table, hiddenGradient: loss.hiddenGradient, rows: &rows)
        var compared = 0
        encoder.forEachParameter { parameter in
            guard let expected = golden.gradients[parameter.name] else { return }
            compared += 1
            #expect(distance(parameter.gradient.values(rows: parameter.rows), expected) < Self.tolerance, "\(parameter.name)")
        }
        #expect(compared == golden.gradients.count - 2)
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
        let encoder = try encoder()
        let (batch, negatives) = (batch(), negatives())
        var dropout = Dropout.none
        var loss = SampledSoftmax(positionsMax: 9, negativesMax: golden.negatives.count, dimensions: golden.width)
        var rows = RowGradients(slotsMax: 64, dimensions: golden.width)
        var optimizer = DenseOptimizer(.adam, rate: golden.dense_rate)
        var losses: [Float] = []
        for _ in golden.losses {
            rows.removeAll()
            encoder.clearGradients()
            encoder.forward(batch, table, dropout: &dropout)
            losses.append(encoder.withHidden { loss.lossAndGradient(hidden: $0, batch, negatives, table, rows: &rows) })
            encoder.backward(batch, table, hiddenGradient: loss.hiddenGradient, rows: &rows)
            table.applyAdagrad(rows, rate: golden.rate, epsilon: golden.epsilon)
            encoder.update(&optimizer)
        }
        for (result, expected) in zip(losses, golden.losses) { #expect(abs(result - expected) < 1e-3) }
        #expect(distance(table.vectors.values(rows: golden.items), golden.final_table) < 1e-3)
    }

    /// The largest difference of two lists of one length.
    private func distance(_ left: [Float], _ right: [Float]) -> Float {
        guard left.count == right.count else { return .infinity }
        return zip(left, right).map { abs($0 - $1) }.max() ?? 0
    }
}
