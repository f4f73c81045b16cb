internal import Foundation
internal import Tensors

// B = pairs of a step, D = width

/// Click prediction as the textbooks have it: the convolution network over a session's newest events and, as
/// the last of them, the item in question; then one sigmoid, σ(w · state + b), the probability of a click.
///
/// Learns from pairs of a session and an item with a label, by binary cross-entropy: Adam on weights, row-wise
/// Adagrad on the items' vectors. Owns everything that it learns; one thread.
public final class ClickNetwork {
    var table: EmbeddingTable
    let encoder: ConvolutionEncoder
    /// [1 x D] and [1 x 1]
    var weights: Parameter
    var bias: Parameter
    private var optimizer: DenseOptimizer
    private var generator: SeededGenerator

    private var batch: SequenceBatch
    private var labels: [Bool] = []
    private var gradient: Matrix
    /// Of the last step.
    private(set) var rows: RowGradients

    /// Pairs that one step learns at most.
    public static let batchMax = 32
    private static let rowRate: Float = 0.05
    private static let initialLimit: Float = 0.1

    /// - Parameters:
    ///   - itemsMax: rows of items, 0..<itemsMax.
    ///   - rate: Adam's.
    public init(_ configuration: ConvolutionConfiguration, dimensions: Int, itemsMax: Int, rate: Float, seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        let positionsMax = Self.batchMax * configuration.length
        table = EmbeddingTable(capacity: itemsMax, dimensions: dimensions)
        encoder = ConvolutionEncoder(configuration, positionsMax: positionsMax, dimensions: dimensions, using: &generator)
        let limit = 1 / Float(dimensions).squareRoot()
        weights = Parameter("click.weight", rows: 1, columns: dimensions, limit: limit, using: &generator)
        bias = Parameter("click.bias", rows: 1, columns: 1)
        optimizer = DenseOptimizer(.adam, rate: rate)
        batch = SequenceBatch(positionsMax: positionsMax)
        gradient = Matrix(rows: positionsMax, columns: dimensions)
        rows = RowGradients(slotsMax: positionsMax, dimensions: dimensions)
    }

    /// The probability that `item` is clicked after `window`, oldest event first.
    public func probability(of item: ItemIndex, after window: Span<SessionEvent>) -> Float {
        probabilities(of: [item], after: window)[0]
    }

    /// The probability of each of some items, at most ``batchMax``, after the same events.
    public func probabilities(of items: [ItemIndex], after window: Span<SessionEvent>) -> [Float] {
        precondition(labels.isEmpty && items.count <= Self.batchMax, "what was staged is learned first")
        for item in items { append(item, after: window) }
        forward()
        var probabilities = [Float](repeating: 0, count: items.count)
        for rank in items.indices { probabilities[batch.order[rank]] = probability(rank: rank) }
        batch.removeAll()
        return probabilities
    }

    /// Adds a pair to the coming step.
    ///
    /// - Returns: false where the step is full.
    @discardableResult
    public func stage(_ item: ItemIndex, after window: Span<SessionEvent>, isClicked: Bool) -> Bool {
        guard labels.count < Self.batchMax else { return false }
        append(item, after: window)
        labels.append(isClicked)
        return true
    }

    /// Takes one step on what was staged.
    ///
    /// - Returns: the mean binary cross-entropy in nats before the step; nil where nothing was staged.
    @discardableResult
    public func step() -> Float? {
        guard !labels.isEmpty else { return nil }
        forward()
        rows.removeAll()
        encoder.clearGradients()
        weights.clearGradient()
        bias.clearGradient()
        gradient.fill(0, rows: 0..<batch.positionCount)
        var loss: Float = 0
        let share = 1 / Float(labels.count)
        for rank in 0..<labels.count {
            let probability = probability(rank: rank)
            let isClicked = labels[batch.order[rank]]
            loss -= Float(log(Double(max(isClicked ? probability : 1 - probability, .leastNormalMagnitude))))
            let slope = (probability - (isClicked ? 1 : 0)) * share
            let position = last(rank: rank)
            encoder.withHidden { weights.gradient.addRow(0, from: $0, row: position, scale: slope) }
            bias.gradient[0, 0] += slope
            gradient.addRow(position, from: weights.value, row: 0, scale: slope)
        }
        encoder.backward(batch, table, hiddenGradient: gradient, rows: &rows)
        table.applyAdagrad(rows, rate: Self.rowRate, epsilon: 1e-6)
        encoder.update(&optimizer, gradientScale: 1)
        optimizer.update(&weights, gradientScale: 1)
        optimizer.update(&bias, gradientScale: 1)
        let mean = loss * share
        batch.removeAll()
        labels.removeAll(keepingCapacity: true)
        return mean
    }

    /// The newest events that fit before the item, then the item, then a target that nobody reads.
    private func append(_ item: ItemIndex, after window: Span<SessionEvent>) {
        let newest = window.extracting(last: encoder.configuration.length - 1)
        var events: [SessionEvent] = []
        for place in 0..<newest.count { events.append(newest[place]) }
        events.append(SessionEvent(item: item))
        for event in events { open(event.item) }
        events.append(SessionEvent(item: item))
        batch.append(events.span) { _ in 1 }
    }

    private func open(_ item: ItemIndex) {
        while table.count <= Int(item) {
            table.initializeRow(ItemIndex(table.count), limit: Self.initialLimit, bias: 0, using: &generator)
        }
    }

    private func forward() {
        batch.arrange()
        var dropout = Dropout.none
        encoder.forward(batch, table, dropout: &dropout)
    }

    /// The last position of the window of a rank.
    private func last(rank: Int) -> Int {
        let time = batch.steps.lastIndex { $0.count > rank } ?? 0
        return batch.steps[time].lowerBound + rank
    }

    private func probability(rank: Int) -> Float {
        let score = encoder.withHidden { hidden in
            hidden.withRow(last(rank: rank)) { state in weights.value.withRow(0) { dot(state, $0) } }
        }
        return Float(1 / (1 + exp(-Double(score + bias.value[0, 0]))))
    }
}
