import Foundation
import SequenceModels
import Tensors
import Testing

@testable import Learning

/// What was learned long ago is held by the scores it had.
@Suite struct DistillationTests {
    private func learner(_ distillation: Float) -> Learner {
        var configuration = LearnerConfiguration()
        configuration.dimensions = 16
        configuration.itemsMax = 64
        configuration.negatives = 16
        configuration.recentEvents = 100
        configuration.dropout = 0
        configuration.distillation = distillation
        var learner = Learner(configuration)
        for item in 0..<12 { learner.addItem(ItemIndex(item), after: []) }
        return learner
    }

    /// Walks of five along a circle of twelve items, one step or several a time: what follows what differs.
    private func train(_ learner: inout Learner, stride: Int, steps: Int) -> Float {
        var last: Float = 0
        for step in 0..<steps {
            let window = (0..<5).map { SessionEvent(item: ItemIndex((step + stride * $0) % 12)) }
            learner.observe(window[4].item)
            learner.stage(window.span, weight: 1)
            last = learner.step() ?? 0
        }
        return last
    }

    /// The loss of a step is that of the walk alone: what it shows is what is left of what was learned first.
    private func lossOfFirst(after distillation: Float) -> Float {
        var learner = learner(distillation)
        _ = train(&learner, stride: 1, steps: 400)
        _ = train(&learner, stride: 5, steps: 400)
        learner.configuration.distillation = 0
        learner.shares[0].distiller?.stagedEvents.removeAll()
        return train(&learner, stride: 1, steps: 1)
    }

    @Test func oldPatternsAreForgottenLess() {
        let (without, with) = (lossOfFirst(after: 0), lossOfFirst(after: 1))
        #expect(with < 0.7 * without, "\(with), not \(without)")
    }

    @Test func whatIsRememberedIsBoundedAndLosesReusedRows() {
        var memory = DistillationMemory(capacity: 50, seed: 1)
        let scores = { (item: ItemIndex) in
            let matrix = Matrix(rows: 1, columns: 2)
            var generator = SeededGenerator(seed: 1)
            var table = EmbeddingTable(capacity: 200, dimensions: 2)
            for row in 0..<ItemIndex(200) { table.initializeRow(row, limit: 1, bias: Float(row), using: &generator) }
            return OldScores(of: [item, item, item / 2], count: 2, after: matrix, position: 0, table)
        }
        for item in 1..<ItemIndex(200) {
            guard let place = memory.place() else { continue }
            memory.keep(.init(window: [SessionEvent(item: item), SessionEvent(item: item)], scores: scores(item)), at: place)
        }
        #expect(memory.exemplars.count == 50)
        // A fair sample of all there were, not the first or the last fifty.
        let mean = memory.exemplars.map { Double($0.window[0].item) }.reduce(0, +) / 50
        #expect(mean > 70 && mean < 130, "\(mean)")
        #expect(memory.exemplars.allSatisfy { abs($0.scores.shares.reduce(0, +) - 1) < 1e-5 && $0.scores.items[0] == $0.window[0].item })
        let gone = memory.exemplars[7].window[0].item
        memory.remove(gone)
        #expect(memory.exemplars.count < 50)
        #expect(!memory.exemplars.contains { $0.scores.items.contains(gone) || $0.window[0].item == gone })
    }

    /// The gradient is that of the cross-entropy, by central differences; that of one's own scores is zero.
    @Test func theGradientIsThatOfTheCrossEntropy() {
        let (width, items) = (4, 5)
        var generator = SeededGenerator(seed: 3)
        var table = EmbeddingTable(capacity: items, dimensions: width)
        for item in 0..<ItemIndex(items) { table.initializeRow(item, limit: 1, bias: Float(item) / 5, using: &generator) }
        var hidden = Matrix(rows: 1, columns: width)
        for column in 0..<width { hidden[0, column] = generator.nextSymmetric(1) }
        var old = OldScores(of: [0, 2, 4], count: 3, after: hidden, position: 0, table)
        let own = old
        old.shares = [0.5, 0.2, 0.3]

        func distill(_ old: OldScores, _ hidden: borrowing Matrix) -> (loss: Float, slopes: [Float]) {
            var loss = NextItemLoss(
                .sampledSoftmax, temperature: nil, positionsMax: 1, negativesMax: 1, itemsMax: items, dimensions: width)
            var rows = RowGradients(slotsMax: items, dimensions: width)
            let sum = loss.distill(old, position: 0, weight: 2, hidden: hidden, table, rows: &rows)
            var slopes: [Float] = []
            if case .softmax(let softmax) = loss { slopes = (0..<width).map { softmax.hiddenGradient[0, $0] } }
            return (sum, slopes)
        }
        let none = distill(own, hidden)
        #expect(none.slopes.allSatisfy { abs($0) < 1e-6 })
        let result = distill(old, hidden)
        for column in 0..<width {
            let before = hidden[0, column]
            hidden[0, column] = before + 0.01
            let above = distill(old, hidden).loss
            hidden[0, column] = before - 0.01
            let below = distill(old, hidden).loss
            hidden[0, column] = before
            #expect(abs(result.slopes[column] - (above - below) / 0.02) < 2e-3)
        }
    }
}
