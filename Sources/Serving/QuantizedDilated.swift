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
        /// [L x D]: what a convolution reads, and what lies between the two.
        private var rectified: Matrix
        private var middle: Matrix
        /// [1 x D] and [1 x 3D]
        private var normed: Matrix
        private var row: Matrix
        private var unfolded: Matrix
        private var noBias: Matrix

        init(_ source: DilatedBlock, positionsMax: Int, dimensions: Int) {
            self.source = source
            firstNorm = ServedNorm(dimensions: dimensions)
            secondNorm = ServedNorm(dimensions: dimensions)
            first = QuantizedLayer(inputs: ConvolutionLayer.size * dimensions, outputs: dimensions)
            second = QuantizedLayer(inputs: ConvolutionLayer.size * dimensions, outputs: dimensions)
            rectified = Matrix(rows: positionsMax, columns: dimensions)
            middle = Matrix(rows: positionsMax, columns: dimensions)
            normed = Matrix(rows: 1, columns: dimensions)
            row = Matrix(rows: 1, columns: dimensions)
            unfolded = Matrix(rows: 1, columns: ConvolutionLayer.size * dimensions)
            noBias = Matrix(rows: 1, columns: dimensions)
        }

        func refresh() throws(TensorError) {
            try first.refresh(source.firstConvolution.linear.weights.value)
            try second.refresh(source.secondConvolution.linear.weights.value)
            firstNorm.refresh(from: source.firstNorm)
            secondNorm.refresh(from: source.secondNorm)
        }

        func encode(_ stream: inout Matrix, events: Int) throws(TensorError) {
            for event in 0..<events {
                firstNorm.apply(stream, row: event, into: &normed)
                rectify(event)
            }
            for event in 0..<events {
                unfold(event, dilation: source.firstConvolution.dilation)
                try first.apply(unfolded, row: 0, into: &row)
                middle.copyRow(event, from: row, row: 0)
            }
            for event in 0..<events {
                secondNorm.apply(middle, row: event, into: &normed)
                rectify(event)
            }
            for event in 0..<events {
                unfold(event, dilation: source.secondConvolution.dilation)
                try second.apply(unfolded, row: 0, into: &row)
                stream.addRow(event, from: row, row: 0, scale: 1)
            }
        }

        private func rectify(_ event: Int) {
            Activation.relu.forward(bias: noBias, &normed, into: &row, rows: 0..<1)
            rectified.copyRow(event, from: row, row: 0)
        }

        private func unfold(_ event: Int, dilation: Int) {
            let width = rectified.columns
            for part in 0..<ConvolutionLayer.size {
                let source = event - (ConvolutionLayer.size - 1 - part) * dilation
                if source >= 0 {
                    unfolded.copyRow(0, column: part * width, from: rectified, row: source)
                } else {
                    unfolded.fillRow(0, columns: part * width..<(part + 1) * width, with: 0)
                }
            }
        }
    }
}
