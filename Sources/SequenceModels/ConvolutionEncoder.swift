public import Tensors

// P = positions of a batch, D = width

/// Convolutions over the newest events of a session: the textbook network, or dilated residual blocks.
public final class ConvolutionEncoder: SequenceEncoder {
    public let configuration: ConvolutionConfiguration
    public let dimensions: Int
    public let positionsMax: Int

    public internal(set) var features: InputFeatures
    public let network: Network
    public let repeatHead: RepeatHead

    /// What is behind the encoder.
    public enum Network {
        case textbook(TextbookConvolution)
        case dilated([DilatedBlock])
    }

    private var layout: WindowLayout
    /// What is read, or its gradient, by time, [P x D].
    private var inputs: Matrix
    /// What dropout multiplied it by, where it did, by window, [P x D].
    private var mask: Matrix
    private var isDropping = false
    /// What is read, then what the blocks add to, or its gradient, by window, [P x D].
    private var stream: Matrix
    /// By window, [P x D].
    private var states: Matrix
    /// By time, [P x D].
    private var hidden: Matrix

    public init(
        _ configuration: ConvolutionConfiguration, positionsMax: Int, dimensions: Int, using generator: inout SeededGenerator
    ) {
        self.configuration = configuration
        self.dimensions = dimensions
        self.positionsMax = positionsMax
        features = InputFeatures(prefix: "convolution", dimensions: dimensions)
        switch configuration.network {
        case .textbook:
            network = .textbook(
                TextbookConvolution(configuration, positionsMax: positionsMax, dimensions: dimensions, using: &generator))
        case .dilated:
            var blocks: [DilatedBlock] = []
            for (place, dilation) in configuration.dilations.enumerated() {
                blocks.append(
                    DilatedBlock(
                        "convolution.\(place)", dilation: dilation, positionsMax: positionsMax, dimensions: dimensions,
                        using: &generator))
            }
            network = .dilated(blocks)
        }
        repeatHead = RepeatHead(prefix: "convolution", positionsMax: positionsMax, dimensions: dimensions)
        layout = WindowLayout(positionsMax: positionsMax)
        inputs = Matrix(rows: positionsMax, columns: dimensions)
        mask = Matrix(rows: positionsMax, columns: dimensions)
        stream = Matrix(rows: positionsMax, columns: dimensions)
        states = Matrix(rows: positionsMax, columns: dimensions)
        hidden = Matrix(rows: positionsMax, columns: dimensions)
    }

    public func forward(_ batch: SequenceBatch, _ table: borrowing EmbeddingTable, dropout: inout Dropout) {
        precondition(batch.positionCount <= positionsMax, "the batch fits the activations")
        let rows = batch.positionCount
        layout.arrange(batch)
        features.read(batch, table, into: &inputs)
        layout.gather(inputs, into: &stream)
        isDropping = dropout.isActive
        if isDropping {
            dropout.draw(&mask, rows: 0..<rows)
            stream.multiply(rows: 0..<rows, by: mask)
        }
        switch network {
        case .textbook(let textbook):
            textbook.forward(stream, layout, into: &states)
            layout.scatter(states, into: &hidden)
        case .dilated(let blocks):
            for block in blocks { block.forward(&stream, layout) }
            layout.scatter(stream, into: &hidden)
        }
    }

    public func withHidden<R>(_ body: (borrowing Matrix) -> R) -> R { body(hidden) }

    public func backward(
        _ batch: SequenceBatch, _ table: borrowing EmbeddingTable, hiddenGradient: borrowing Matrix,
        rows: inout RowGradients
    ) {
        switch network {
        case .textbook(let textbook):
            layout.gather(hiddenGradient, into: &states)
            textbook.backward(states, layout, into: &stream)
        case .dilated(let blocks):
            layout.gather(hiddenGradient, into: &stream)
            for block in blocks.reversed() { block.backward(&stream, layout) }
        }
        if isDropping {
            stream.multiply(rows: 0..<batch.positionCount, by: mask)
        }
        layout.scatter(stream, into: &inputs)
        features.propagate(inputs, batch, rows: &rows)
    }

    public func forEachParameter(_ body: (inout Parameter) -> Void) {
        features.forEachParameter(body)
        switch network {
        case .textbook(let textbook): textbook.forEachParameter(body)
        case .dilated(let blocks): for block in blocks { block.forEachParameter(body) }
        }
        repeatHead.forEachParameter(body)
    }
}
