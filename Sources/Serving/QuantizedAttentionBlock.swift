internal import SequenceModels
internal import Tensors

// L = events of a window, D = width, F = width of the feed-forward layer

/// One block of a `QuantizedAttention`.
final class QuantizedAttentionBlock {
    private let source: AttentionBlock
    private var attentionNorm: ServedNorm
    private var forwardNorm: ServedNorm
    private var queryLayer: QuantizedLayer
    private var keyLayer: QuantizedLayer
    private var valueLayer: QuantizedLayer
    private var outputLayer: QuantizedLayer
    private var wideningLayer: QuantizedLayer
    private var narrowingLayer: QuantizedLayer
    private var attention: CausalAttention
    /// The score's offset for each distance, the last column that of distance 0, [heads x L].
    private var offsets: Matrix

    /// [1 x D], and the same quantized.
    private var normed: Matrix
    private var query: QuantizedQueries
    /// [L x D] each.
    private var queries: Matrix
    private var keys: Matrix
    private var values: Matrix
    private var attended: Matrix
    /// [1 x F] each.
    private var wide: Matrix
    private var activated: Matrix
    private var noBias: Matrix
    /// [1 x D]
    private var added: Matrix

    init(_ source: AttentionBlock, _ configuration: AttentionConfiguration, positionsMax: Int, dimensions: Int) {
        let wideDimensions = configuration.expansion * dimensions
        self.source = source
        attentionNorm = ServedNorm(dimensions: dimensions)
        forwardNorm = ServedNorm(dimensions: dimensions)
        queryLayer = QuantizedLayer(inputs: dimensions, outputs: dimensions)
        keyLayer = QuantizedLayer(inputs: dimensions, outputs: dimensions)
        valueLayer = QuantizedLayer(inputs: dimensions, outputs: dimensions)
        outputLayer = QuantizedLayer(inputs: dimensions, outputs: dimensions)
        wideningLayer = QuantizedLayer(inputs: dimensions, outputs: wideDimensions)
        narrowingLayer = QuantizedLayer(inputs: wideDimensions, outputs: dimensions)
        attention = CausalAttention(
            positionsMax: positionsMax, heads: configuration.heads, width: dimensions / configuration.heads)
        offsets = Matrix(rows: configuration.heads, columns: positionsMax)
        normed = Matrix(rows: 1, columns: dimensions)
        query = QuantizedQueries(capacity: 1, columns: dimensions)
        queries = Matrix(rows: positionsMax, columns: dimensions)
        keys = Matrix(rows: positionsMax, columns: dimensions)
        values = Matrix(rows: positionsMax, columns: dimensions)
        attended = Matrix(rows: positionsMax, columns: dimensions)
        wide = Matrix(rows: 1, columns: wideDimensions)
        activated = Matrix(rows: 1, columns: wideDimensions)
        noBias = Matrix(rows: 1, columns: wideDimensions)
        added = Matrix(rows: 1, columns: dimensions)
    }

    func refresh() throws(TensorError) {
        try queryLayer.refresh(source.queryLayer.weights.value)
        try keyLayer.refresh(source.keyLayer.weights.value)
        try valueLayer.refresh(source.valueLayer.weights.value)
        try outputLayer.refresh(source.outputLayer.weights.value)
        try wideningLayer.refresh(source.wideningLayer.weights.value, biases: source.wideningBias.value)
        try narrowingLayer.refresh(source.narrowingLayer.weights.value)
        attentionNorm.refresh(from: source.attentionNorm)
        forwardNorm.refresh(from: source.forwardNorm)
        let distances = source.distances.columns
        for head in 0..<offsets.rows {
            for distance in 0..<offsets.columns {
                offsets[head, offsets.columns - 1 - distance] = source.distances.value[head, min(distance, distances - 1)]
            }
        }
    }

    /// Every position of the stream.
    func encode(_ stream: inout Matrix, positions: Int) throws(TensorError) {
        for position in 0..<positions {
            try prepare(stream, position)
            queryLayer.apply(query, into: &queries, row: position)
        }
        attention.forward(
            queries: queries, keys: keys, values: values, rows: 0..<positions, place: 0, offsets: offsets, into: &attended)
        for position in 0..<positions { try finish(&stream, position) }
    }

    /// The last position of the stream; those before it are left as they are.
    func encodeLast(_ stream: inout Matrix, positions: Int) throws(TensorError) {
        for position in 0..<positions { try prepare(stream, position) }
        let last = positions - 1
        queryLayer.apply(query, into: &queries, row: last)
        attention.forwardLast(
            queries: queries, keys: keys, values: values, rows: 0..<positions, offsets: offsets, into: &attended)
        try finish(&stream, last)
    }

    /// Key and value of a position; leaves its normed, quantized vector in `query`.
    private func prepare(_ stream: borrowing Matrix, _ position: Int) throws(TensorError) {
        attentionNorm.apply(stream, row: position, into: &normed)
        try query.quantize(normed, row: 0, into: 0)
        keyLayer.apply(query, into: &keys, row: position)
        valueLayer.apply(query, into: &values, row: position)
    }

    /// Adds what was attended to, and then the feed-forward layer's result, to a position of the stream.
    private func finish(_ stream: inout Matrix, _ position: Int) throws(TensorError) {
        try query.quantize(attended, row: position, into: 0)
        outputLayer.apply(query, into: &added, row: 0)
        stream.addRow(position, from: added, row: 0, scale: 1)
        forwardNorm.apply(stream, row: position, into: &normed)
        try query.quantize(normed, row: 0, into: 0)
        wideningLayer.apply(query, into: &wide, row: 0)
        source.activation.forward(bias: noBias, &wide, into: &activated, rows: 0..<1)
        try narrowingLayer.apply(activated, row: 0, into: &added)
        stream.addRow(position, from: added, row: 0, scale: 1)
    }
}
