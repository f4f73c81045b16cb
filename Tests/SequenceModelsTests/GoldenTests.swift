import Tensors
import Testing

@testable import SequenceModels

/// What PyTorch computed of the same numbers: the scripts in `Golden` made the files.
@Suite struct GoldenTests {
    /// A file, and how far float may be from double over its layers, once and after ten steps.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let tolerance: Float
        let finalTolerance: Float

        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "gru", tolerance: 2e-6, finalTolerance: 1e-4),
        Case(name: "attention", tolerance: 1e-5, finalTolerance: 1e-3),
        Case(name: "textbook", tolerance: 1e-5, finalTolerance: 1e-3),
        Case(name: "dilated", tolerance: 1e-5, finalTolerance: 1e-3),
    ]

    @Test(arguments: ["attention", "textbook", "dilated"]) func repetitionsAreWhatTheFileSays(name: String) throws {
        let golden = try GoldenFile(name)
        let batch = golden.batch()
        for (rank, window) in batch.order.enumerated() {
            for time in 0..<golden.windows[window].count - 1 {
                #expect(Int(batch.repetitions[batch.steps[time].lowerBound + rank]) == golden.windows[window][time][3])
            }
        }
    }

    @Test(arguments: cases) func hiddenStatesLossAndGradientsAreThoseOfPyTorch(_ test: Case) throws {
        let golden = try GoldenFile(test.name)
        let table = try golden.table()
        let encoder = try golden.encoder()
        let batch = golden.batch()
        var dropout = Dropout.none
        var loss = golden.softmax()
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
        #expect(distance(hidden, golden.hidden) < test.tolerance)

        let negatives = golden.negativeSample()
        let total = encoder.withHidden { loss.lossAndGradient(hidden: $0, batch, negatives, table, head: nil, rows: &rows) }
        #expect(abs(total - golden.loss) < test.tolerance * abs(golden.loss))

        encoder.backward(batch, table, hiddenGradient: loss.hiddenGradient, rows: &rows)
        var compared = 0
        encoder.forEachParameter { parameter in
            guard let expected = golden.gradients[parameter.name] else { return }
            compared += 1
            #expect(distance(parameter.gradient.values(rows: parameter.rows), expected) < test.tolerance, "\(parameter.name)")
        }
        #expect(compared == golden.gradients.count - 2)
        let (vectors, biases) = rows.dense(items: golden.items, width: golden.width)
        #expect(distance(vectors, try #require(golden.gradients["table"])) < test.tolerance)
        #expect(distance(biases, try #require(golden.gradients["biases"])) < test.tolerance)
    }

    @Test(arguments: cases) func tenStepsGoWherePyTorchGoes(_ test: Case) throws {
        let golden = try GoldenFile(test.name)
        var table = try golden.table()
        let encoder = try golden.encoder()
        let (batch, negatives) = (golden.batch(), golden.negativeSample())
        var dropout = Dropout.none
        var loss = golden.softmax()
        var rows = RowGradients(slotsMax: 64, dimensions: golden.width)
        var optimizer = DenseOptimizer(.adam, rate: golden.dense_rate)
        var losses: [Float] = []
        for _ in golden.losses {
            rows.removeAll()
            encoder.clearGradients()
            encoder.forward(batch, table, dropout: &dropout)
            losses.append(encoder.withHidden { loss.lossAndGradient(hidden: $0, batch, negatives, table, head: nil, rows: &rows) })
            encoder.backward(batch, table, hiddenGradient: loss.hiddenGradient, rows: &rows)
            encoder.forEachParameter { if golden.parameters[$0.name] == nil { $0.clearGradient() } }
            table.applyAdagrad(rows, rate: golden.rate, epsilon: golden.epsilon)
            encoder.update(&optimizer, gradientScale: 1)
        }
        #expect(distance(losses, golden.losses) < test.finalTolerance)
        #expect(distance(table.vectors.values(rows: golden.items), golden.final_table) < test.finalTolerance)
    }
}
