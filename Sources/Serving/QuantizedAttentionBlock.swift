internal import SequenceModels
internal import Tensors

// L = events of a window, D = width, F = width of the feed-forward layer

/// One block of a `QuantizedAttention`: a class only to stand in a list. Its parts are one value, which a call
/// reaches for once: each property of a class is watched while it is changed.
final class QuantizedAttentionBlock {
    private var parts: QuantizedAttentionParts

    init(_ source: AttentionBlock, _ configuration: AttentionConfiguration, positionsMax: Int, dimensions: Int) {
        parts = QuantizedAttentionParts(source, configuration, positionsMax: positionsMax, dimensions: dimensions)
    }

    func refresh() throws(TensorError) { try parts.refresh() }

    /// Every position of the stream.
    func encode(_ stream: inout Matrix, positions: Int) throws(TensorError) {
        try parts.encode(&stream, positions: positions)
    }

    /// The last position of the stream; those before it are left as they are.
    func encodeLast(_ stream: inout Matrix, positions: Int) throws(TensorError) {
        try parts.encodeLast(&stream, positions: positions)
    }

    /// One position, row 0 of the stream, whose keys and values join those that are kept from row `first` on.
    func encodeNext(
        _ stream: inout Matrix, _ step: KeptStep, first: Int, in cache: KeyValueCache
    ) throws(TensorError) {
        try parts.encodeNext(&stream, step, first: first, in: cache)
    }

    /// Keeps the keys and values of the last window that was encoded, from row `first` on.
    func keep(positions: Int, first: Int, in cache: KeyValueCache) throws(TensorError) {
        try parts.keep(positions: positions, first: first, in: cache)
    }
}

private struct QuantizedAttentionParts: ~Copyable {
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
    /// The same in the order in which keys are kept, [heads x L].
    private var turnedOffsets: Matrix

    /// What a layer reads, [L x D] and [L x F], and the same quantized.
    private var normed: Matrix
    private var rows: QuantizedQueries
    private var wideRows: QuantizedQueries
    /// [L x D] each.
    private var queries: Matrix
    private var keys: Matrix
    private var values: Matrix
    private var attended: Matrix
    private var added: Matrix
    /// [L x F] each.
    private var wide: Matrix
    private var activated: Matrix
    /// [1 x F]
    private var noBias: Matrix

    init(_ source: AttentionBlock, _ configuration: AttentionConfiguration, positionsMax: Int, dimensions: Int) {
        let wideDimensions = configuration.expansion * dimensions
        self.source = source
        attentionNorm = ServedNorm(rowsMax: positionsMax, dimensions: dimensions)
        forwardNorm = ServedNorm(rowsMax: positionsMax, dimensions: dimensions)
        queryLayer = QuantizedLayer(inputs: dimensions, outputs: dimensions)
        keyLayer = QuantizedLayer(inputs: dimensions, outputs: dimensions)
        valueLayer = QuantizedLayer(inputs: dimensions, outputs: dimensions)
        outputLayer = QuantizedLayer(inputs: dimensions, outputs: dimensions)
        wideningLayer = QuantizedLayer(inputs: dimensions, outputs: wideDimensions)
        narrowingLayer = QuantizedLayer(inputs: wideDimensions, outputs: dimensions)
        attention = CausalAttention(
            positionsMax: positionsMax, heads: configuration.heads, width: dimensions / configuration.heads)
        offsets = Matrix(rows: configuration.heads, columns: positionsMax)
        turnedOffsets = Matrix(rows: configuration.heads, columns: positionsMax)
        normed = Matrix(rows: positionsMax, columns: dimensions)
        rows = QuantizedQueries(capacity: positionsMax, columns: dimensions)
        wideRows = QuantizedQueries(capacity: positionsMax, columns: wideDimensions)
        queries = Matrix(rows: positionsMax, columns: dimensions)
        keys = Matrix(rows: positionsMax, columns: dimensions)
        values = Matrix(rows: positionsMax, columns: dimensions)
        attended = Matrix(rows: positionsMax, columns: dimensions)
        added = Matrix(rows: positionsMax, columns: dimensions)
        wide = Matrix(rows: positionsMax, columns: wideDimensions)
        activated = Matrix(rows: positionsMax, columns: wideDimensions)
        noBias = Matrix(rows: 1, columns: wideDimensions)
    }

    mutating func refresh() throws(TensorError) {
        try queryLayer.refresh(source.queryLayer.weights.value)
        try keyLayer.refresh(source.keyLayer.weights.value)
        try valueLayer.refresh(source.valueLayer.weights.value)
        try outputLayer.refresh(source.outputLayer.weights.value)
        try wideningLayer.refresh(source.wideningLayer.weights.value, biases: source.wideningBias.value)
        try narrowingLayer.refresh(source.narrowingLayer.weights.value)
        try attentionNorm.refresh(from: source.attentionNorm)
        try forwardNorm.refresh(from: source.forwardNorm)
        Self.spread(source.distances.value, into: &offsets)
    }

    /// The offset of each distance from those that are told apart: everything farther counts as the last of them.
    private static func spread(_ distances: borrowing Matrix, into offsets: inout Matrix) {
        let (last, farthest) = (offsets.columns - 1, distances.columns - 1)
        for head in 0..<offsets.rows {
            for distance in 0...min(last, farthest) { offsets[head, last - distance] = distances[head, distance] }
            if last > farthest {
                offsets.fillRow(head, columns: 0..<last - farthest, with: distances[head, farthest])
            }
        }
    }

    /// Every position of the stream: a layer goes over all of them before the next one does.
    mutating func encode(_ stream: inout Matrix, positions: Int) throws(TensorError) {
        try prepare(stream, positions)
        queryLayer.apply(rows, count: positions, into: &queries, from: 0)
        attention.forward(
            queries: queries, keys: keys, values: values, rows: 0..<positions, place: 0, offsets: offsets, into: &attended)
        try finish(&stream, 0..<positions)
    }

    /// The last position of the stream; those before it are left as they are.
    mutating func encodeLast(_ stream: inout Matrix, positions: Int) throws(TensorError) {
        try prepare(stream, positions)
        let last = positions - 1
        queryLayer.apply(rows, slot: last, into: &queries, row: last)
        attention.forwardLast(
            queries: queries, keys: keys, values: values, rows: 0..<positions, offsets: offsets, into: &attended)
        try finish(&stream, last..<positions)
    }

    /// One position, row 0 of the stream, beside those that are kept.
    mutating func encodeNext(
        _ stream: inout Matrix, _ step: KeptStep, first: Int, in cache: KeyValueCache
    ) throws(TensorError) {
        attentionNorm.apply(stream, rows: 0..<1, into: &normed)
        try rows.quantize(normed, rows: 0..<1)
        queryLayer.apply(rows, slot: 0, into: &queries, row: 0)
        keyLayer.apply(rows, slot: 0, into: &keys, row: 0)
        valueLayer.apply(rows, slot: 0, into: &values, row: 0)
        try cache.keys.store(keys, rows: 0..<1, from: first + step.place)
        try cache.values.store(values, rows: 0..<1, from: first + step.place)
        step.turn(offsets, into: &turnedOffsets)
        attention.forwardNext(
            queries: queries, row: 0, keys: cache.keys, values: cache.values, rows: first..<first + step.count,
            offsets: turnedOffsets, into: &attended)
        try finish(&stream, 0..<1)
    }

    func keep(positions: Int, first: Int, in cache: KeyValueCache) throws(TensorError) {
        try cache.keys.store(keys, rows: 0..<positions, from: first)
        try cache.values.store(values, rows: 0..<positions, from: first)
    }

    /// Keys and values of the first positions; leaves their normed, quantized vectors in `rows`.
    private mutating func prepare(_ stream: borrowing Matrix, _ positions: Int) throws(TensorError) {
        attentionNorm.apply(stream, rows: 0..<positions, into: &normed)
        try rows.quantize(normed, rows: 0..<positions)
        keyLayer.apply(rows, count: positions, into: &keys, from: 0)
        valueLayer.apply(rows, count: positions, into: &values, from: 0)
    }

    /// Adds what was attended to, and then the feed-forward layer's result, to some positions of the stream.
    private mutating func finish(_ stream: inout Matrix, _ positions: Range<Int>) throws(TensorError) {
        try rows.quantize(attended, rows: positions)
        outputLayer.apply(rows, count: positions.count, into: &added, from: positions.lowerBound)
        stream.add(added, rows: positions)
        forwardNorm.apply(stream, rows: positions, into: &normed)
        try rows.quantize(normed, rows: positions)
        wideningLayer.apply(rows, count: positions.count, into: &wide, from: positions.lowerBound)
        source.activation.forward(bias: noBias, &wide, into: &activated, rows: positions)
        try wideRows.quantize(activated, rows: positions)
        narrowingLayer.apply(wideRows, count: positions.count, into: &added, from: positions.lowerBound)
        stream.add(added, rows: positions)
    }
}
