internal import SequenceModels
internal import Tensors

// L = events read, D = width, F = filters, M = pooled pairs

/// `ConvolutionEncoder` in int8, of either network: every product with weights is int8.
final class QuantizedConvolution: QuantizedEncoder {
    private let encoder: ConvolutionEncoder
    private var features: ServedFeatures
    private let network: any QuantizedConvolutionNetwork
    /// What is read, [events x D].
    private var inputs: Matrix

    /// - Parameter encoder: the float twin; its widths are multiples of 16.
    init(_ encoder: ConvolutionEncoder) {
        self.encoder = encoder
        features = ServedFeatures(dimensions: encoder.dimensions)
        switch encoder.network {
        case .textbook(let textbook):
            network = QuantizedTextbook(textbook, encoder.configuration, dimensions: encoder.dimensions)
        case .dilated(let blocks):
            network = QuantizedDilated(blocks, positionsMax: encoder.positionsMax, dimensions: encoder.dimensions)
        }
        inputs = Matrix(rows: encoder.positionsMax, columns: encoder.dimensions)
    }

    func refresh() throws(TensorError) {
        features.refresh(from: encoder.features)
        try network.refresh()
    }

    func encode(
        _ window: Span<SessionEvent>, items: borrowing QuantizedTable, into hidden: inout Matrix
    ) throws(TensorError) {
        guard window.count > 0 else { return hidden.fill(0, rows: 0..<1) }
        let first = max(0, window.count - (network.eventsMax ?? window.count))
        for position in first..<window.count {
            features.read(position, of: window, items: items, into: &inputs, row: position - first)
        }
        try network.encode(&inputs, events: window.count - first, into: &hidden)
    }
}

/// What is behind a `QuantizedConvolution`.
protocol QuantizedConvolutionNetwork: AnyObject {
    /// The newest events that are read; nil where all of a window are.
    var eventsMax: Int? { get }

    func refresh() throws(TensorError)

    /// The state after the last of `events` rows of `inputs`, which may change, into row 0 of `hidden`.
    func encode(_ inputs: inout Matrix, events: Int, into hidden: inout Matrix) throws(TensorError)
}

/// The textbook network in int8, for one window.
final class QuantizedTextbook: QuantizedConvolutionNetwork {
    private let source: TextbookConvolution
    private let length: Int
    private let filters: Int
    private var convolution: QuantizedLayer
    private var dense: QuantizedLayer
    /// Three events side by side, [1 x 3D].
    private var unfolded: Matrix
    /// [1 x F]: a convolution, after ReLU, and the one before it.
    private var convolved: Matrix
    private var rectified: Matrix
    private var pooled: Matrix
    /// [1 x M · F]
    private var flat: Matrix
    /// [1 x D]
    private var densed: Matrix
    /// Biases are in the layers, [1 x F] and [1 x D].
    private var noFilterBias: Matrix
    private var noBias: Matrix

    var eventsMax: Int? { length }

    init(_ source: TextbookConvolution, _ configuration: ConvolutionConfiguration, dimensions: Int) {
        self.source = source
        length = configuration.length
        filters = configuration.filters
        convolution = QuantizedLayer(inputs: ConvolutionLayer.size * dimensions, outputs: filters)
        dense = QuantizedLayer(inputs: source.pairs * filters, outputs: dimensions)
        unfolded = Matrix(rows: 1, columns: ConvolutionLayer.size * dimensions)
        convolved = Matrix(rows: 1, columns: filters)
        rectified = Matrix(rows: 1, columns: filters)
        pooled = Matrix(rows: 1, columns: filters)
        flat = Matrix(rows: 1, columns: source.pairs * filters)
        densed = Matrix(rows: 1, columns: dimensions)
        noFilterBias = Matrix(rows: 1, columns: filters)
        noBias = Matrix(rows: 1, columns: dimensions)
    }

    func refresh() throws(TensorError) {
        try convolution.refresh(source.convolution.linear.weights.value, biases: source.convolutionBias.value)
        try dense.refresh(source.dense.weights.value, biases: source.denseBias.value)
    }

    func encode(_ inputs: inout Matrix, events: Int, into hidden: inout Matrix) throws(TensorError) {
        // Place t of the window of L events that ends with the last one; those before the first are zeros.
        let shift = length - events
        for pair in 0..<source.pairs {
            for half in 0..<2 {
                try convolve(inputs, endingAt: 2 * pair + half + ConvolutionLayer.size - 1 - shift)
                if half == 0 {
                    pooled.copyRow(0, from: rectified, row: 0)
                } else {
                    pooled.maximizeRow(0, with: rectified, row: 0)
                }
            }
            flat.copyRow(0, column: pair * filters, from: pooled, row: 0)
        }
        try dense.apply(flat, row: 0, into: &densed)
        Activation.relu.forward(bias: noBias, &densed, into: &hidden, rows: 0..<1)
    }

    /// The three events that end at row `last`, negative where the window had not begun, into `rectified`.
    private func convolve(_ inputs: borrowing Matrix, endingAt last: Int) throws(TensorError) {
        let width = inputs.columns
        for part in 0..<ConvolutionLayer.size {
            let row = last - (ConvolutionLayer.size - 1) + part
            if row >= 0 {
                unfolded.copyRow(0, column: part * width, from: inputs, row: row)
            } else {
                unfolded.fillRow(0, columns: part * width..<(part + 1) * width, with: 0)
            }
        }
        try convolution.apply(unfolded, row: 0, into: &convolved)
        Activation.relu.forward(bias: noFilterBias, &convolved, into: &rectified, rows: 0..<1)
    }
}
