import SequenceModels
import Tensors
import Testing

@testable import Learning

/// The work of a step may be divided: what comes of it adds up.
@Suite struct GradientShareTests {
    private func share(_ configuration: LearnerConfiguration) -> GradientShare {
        var generator = SeededGenerator(seed: 5)
        let encoder = configuration.encoder.makeEncoder(
            convolution: configuration.convolution, positionsMax: GradientShare.workspacePositions(configuration),
            dimensions: configuration.dimensions, using: &generator)
        return GradientShare(encoder, configuration, positionsMax: Learner.windowsMax * configuration.window)
    }

    private func gradients(_ encoder: any SequenceEncoder) -> [Float] {
        var values: [Float] = []
        encoder.forEachParameter { parameter in
            for row in 0..<parameter.rows { for column in 0..<parameter.columns { values.append(parameter.gradient[row, column]) } }
        }
        return values
    }

    private func largest(_ values: [Float]) -> Float { values.map(abs).max() ?? 0 }

    @Test(arguments: EncoderKind.allCases)
    func twoSharesAddUpToOne(kind: EncoderKind) {
        var configuration = LearnerConfiguration()
        (configuration.encoder, configuration.dimensions, configuration.itemsMax) = (kind, 16, 64)
        (configuration.negatives, configuration.dropout, configuration.temperature) = (16, 0, 0.1)
        var table = EmbeddingTable(capacity: 64, dimensions: 16)
        var generator = SeededGenerator(seed: 3)
        for item in 0..<ItemIndex(64) { table.initializeRow(item, limit: 1, bias: 0, using: &generator) }
        var negatives = NegativeSample(count: 16)
        for place in 0..<16 { negatives.items[place] = ItemIndex(place * 3) }
        let (whole, first, second) = (share(configuration), share(configuration), share(configuration))
        for window in 0..<20 {
            let events = (0..<2 + window % 7).map { SessionEvent(item: ItemIndex((window * 11 + $0 * 5) % 64)) }
            whole.append(events.span, weight: 1)
            (window % 3 == 0 ? first : second).append(events.span, weight: 1)
        }
        for share in [whole, first, second] { share.computeGradients(table, negatives, distillation: 0) }
        #expect(first.lossSum != whole.lossSum)
        first.add(second)
        #expect(abs(first.lossSum - whole.lossSum) < 1e-3 * whole.lossSum)
        let (sum, expected) = (gradients(first.encoder), gradients(whole.encoder))
        // Products of many rows are rounded to bfloat16 where the processor has it.
        #expect(largest(zip(sum, expected).map { $0 - $1 }) < 0.03 * largest(expected))
        #expect(Set(first.rows.items) == Set(whole.rows.items))
        for (slot, item) in whole.rows.items.enumerated() {
            guard let other = first.rows.items.firstIndex(of: item) else { continue }
            let difference = whole.rows.withVector(at: slot) { expected in
                first.rows.withVector(at: other) { sum in expected.indices.map { abs(expected[$0] - sum[$0]) }.max() ?? 0 }
            }
            #expect(difference < 0.1, "\(item)")
        }
    }
}
