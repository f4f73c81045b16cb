public import Tensors

// P = positions of a batch, D = width

/// Causal self-attention over the events of a session (SASRec, Kang and McAuley 2018), with norms before the
/// layers and positions told by distance instead of by place in the window: a new event then costs one
/// position, not a window, where keys and values are kept.
public final class AttentionEncoder: SequenceEncoder {
    public let configuration: AttentionConfiguration
    public let dimensions: Int
    public let positionsMax: Int

    public internal(set) var features: InputFeatures
    public let blocks: [AttentionBlock]
    public internal(set) var finalNorm: NormLayer
    public let repeatHead: RepeatHead

    private var layout: WindowLayout
    private var scratch: AttentionScratch
    /// What is read, or its gradient, by time, [P x D].
    private var inputs: Matrix
    /// What dropout multiplied the stream's first values by, where it did, [P x D].
    private var mask: Matrix
    /// What the blocks add to, or its gradient, by window, [P x D].
    private var stream: Matrix
    /// By time, [P x D].
    private var hidden: Matrix

    public init(
        _ configuration: AttentionConfiguration, positionsMax: Int, dimensions: Int, using generator: inout SeededGenerator
    ) {
        self.configuration = configuration
        self.dimensions = dimensions
        self.positionsMax = positionsMax
        features = InputFeatures(prefix: "attention", dimensions: dimensions)
        var blocks: [AttentionBlock] = []
        for block in 0..<configuration.blocks {
            blocks.append(
                AttentionBlock(
                    "attention.\(block)", configuration, positionsMax: positionsMax, dimensions: dimensions, using: &generator))
        }
        self.blocks = blocks
        finalNorm = NormLayer("attention.norm", positionsMax: positionsMax, dimensions: dimensions)
        repeatHead = RepeatHead(prefix: "attention", positionsMax: positionsMax, dimensions: dimensions)
        layout = WindowLayout(positionsMax: positionsMax)
        scratch = AttentionScratch(configuration, positionsMax: positionsMax, dimensions: dimensions)
        inputs = Matrix(rows: positionsMax, columns: dimensions)
        mask = Matrix(rows: positionsMax, columns: dimensions)
        stream = Matrix(rows: positionsMax, columns: dimensions)
        hidden = Matrix(rows: positionsMax, columns: dimensions)
    }

    public func forward(_ batch: SequenceBatch, _ table: borrowing EmbeddingTable, dropout: inout Dropout) {
        precondition(batch.positionCount <= positionsMax, "the batch fits the activations")
        let rows = batch.positionCount
        layout.arrange(batch)
        features.read(batch, table, into: &inputs)
        layout.gather(inputs, into: &stream)
        scale(&stream, rows: rows)
        scratch.isDropping = dropout.isActive
        if dropout.isActive {
            dropout.draw(&mask, rows: 0..<rows)
            stream.multiply(rows: 0..<rows, by: mask)
        }
        for block in blocks { block.forward(&stream, layout, &scratch, dropout: &dropout) }
        finalNorm.forward(stream, rows: rows, into: &scratch.result)
        layout.scatter(scratch.result, into: &hidden)
    }

    public func withHidden<R>(_ body: (borrowing Matrix) -> R) -> R { body(hidden) }

    public func backward(
        _ batch: SequenceBatch, _ table: borrowing EmbeddingTable, hiddenGradient: borrowing Matrix,
        rows: inout RowGradients
    ) {
        let count = batch.positionCount
        layout.gather(hiddenGradient, into: &scratch.result)
        stream.fill(0, rows: 0..<count)
        finalNorm.backward(scratch.result, rows: count, addingTo: &stream)
        for block in blocks.reversed() { block.backward(&stream, layout, &scratch) }
        if scratch.isDropping { stream.multiply(rows: 0..<count, by: mask) }
        scale(&stream, rows: count)
        layout.scatter(stream, into: &inputs)
        features.propagate(inputs, batch, rows: &rows)
    }

    private func scale(_ stream: inout Matrix, rows: Int) {
        guard configuration.inputScale != 1 else { return }
        for row in 0..<rows { stream.scaleRow(row, by: configuration.inputScale) }
    }

    public func forEachParameter(_ body: (inout Parameter) -> Void) {
        features.forEachParameter(body)
        for block in blocks { block.forEachParameter(body) }
        finalNorm.forEachParameter(body)
        repeatHead.forEachParameter(body)
    }
}
