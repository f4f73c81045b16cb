internal import SequenceModels
internal import Tensors

// L = events of a window, D = width

/// Dilated residual blocks in int8.
final class QuantizedDilated: QuantizedConvolutionNetwork {
    private let blocks: [Block]

    var eventsMax: Int? { nil }

    init(_ source: [DilatedBlock], positionsMax: Int, dimensions: Int) {
        blocks = source.map { Block($0, positionsMax: positionsMax, dimensions: dimensions) }
    }

    func refresh() throws(TensorError) {
        for block in blocks { try block.refresh() }
    }

    func encode(_ inputs: inout Matrix, events: Int, into hidden: inout Matrix) throws(TensorError) {
        for block in blocks { try block.encode(&inputs, events: events) }
        hidden.copyRow(0, from: inputs, row: events - 1)
    }

    private final class Block {
        private let source: DilatedBlock
        private var firstNorm: ServedNorm
        private var secondNorm: ServedNorm
        private var first: QuantizedLayer
        private var second: QuantizedLayer
        /// [L x D] each: before and after ReLU, and what lies between the two convolutions.
        private var normed: Matrix
        private var rectified: Matrix
        private var middle: Matrix
        /// The three events of each position side by side, [L x 3D], and the same quantized.
        private var unfolded: Matrix
        private var rows: QuantizedQueries
        /// [1 x D]
        private var noBias: Matrix

        init(_ source: DilatedBlock, positionsMax: Int, dimensions: Int) {
            self.source = source
            firstNorm = ServedNorm(rowsMax: positionsMax, dimensions: dimensions)
            secondNorm = ServedNorm(rowsMax: positionsMax, dimensions: dimensions)
            first = QuantizedLayer(inputs: ConvolutionLayer.size * dimensions, outputs: dimensions)
            second = QuantizedLayer(inputs: ConvolutionLayer.size * dimensions, outputs: dimensions)
            normed = Matrix(rows: positionsMax, columns: dimensions)
            rectified = Matrix(rows: positionsMax, columns: dimensions)
            middle = Matrix(rows: positionsMax, columns: dimensions)
            unfolded = Matrix(rows: positionsMax, columns: ConvolutionLayer.size * dimensions)
            rows = QuantizedQueries(capacity: positionsMax, columns: ConvolutionLayer.size * dimensions)
            noBias = Matrix(rows: 1, columns: dimensions)
        }

        func refresh() throws(TensorError) {
            try first.refresh(source.firstConvolution.linear.weights.value)
            try second.refresh(source.secondConvolution.linear.weights.value)
            try firstNorm.refresh(from: source.firstNorm)
            try secondNorm.refresh(from: source.secondNorm)
        }

        func encode(_ stream: inout Matrix, events: Int) throws(TensorError) {
            firstNorm.apply(stream, rows: 0..<events, into: &normed)
            try unfold(events, dilation: source.firstConvolution.dilation)
            first.apply(rows, count: events, into: &middle, from: 0)
            secondNorm.apply(middle, rows: 0..<events, into: &normed)
            try unfold(events, dilation: source.secondConvolution.dilation)
            second.apply(rows, count: events, into: &middle, from: 0)
            stream.add(middle, rows: 0..<events)
        }

        /// What a convolution reads at each event, in `rows`.
        private func unfold(_ events: Int, dilation: Int) throws(TensorError) {
            Activation.relu.forward(bias: noBias, &normed, into: &rectified, rows: 0..<events)
            let width = rectified.columns
            for event in 0..<events {
                for part in 0..<ConvolutionLayer.size {
                    let source = event - (ConvolutionLayer.size - 1 - part) * dilation
                    if source >= 0 {
                        unfolded.copyRow(event, column: part * width, from: rectified, row: source)
                    } else {
                        unfolded.fillRow(event, columns: part * width..<(part + 1) * width, with: 0)
                    }
                }
            }
            try rows.quantize(unfolded, rows: 0..<events)
        }
    }
}
