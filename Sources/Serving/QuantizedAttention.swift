internal import SequenceModels
internal import Tensors

// L = events of a window, D = width

/// `AttentionEncoder` in int8: every product with weights is int8; norms, attention and the stream are float.
///
/// Only the last state of a window is asked for, so the last block computes one position, beside the keys and
/// values of all.
final class QuantizedAttention: QuantizedEncoder {
    private let encoder: AttentionEncoder
    private let blocks: [QuantizedAttentionBlock]
    private var features: ServedFeatures
    private var finalNorm: ServedNorm
    /// What the blocks add to, [L x D].
    private var stream: Matrix
    /// [1 x D]
    private var vector: Matrix

    /// - Parameter encoder: the float twin, of a width that is a multiple of 16.
    init(_ encoder: AttentionEncoder) {
        let (dimensions, positionsMax) = (encoder.dimensions, encoder.positionsMax)
        self.encoder = encoder
        blocks = encoder.blocks.map {
            QuantizedAttentionBlock($0, encoder.configuration, positionsMax: positionsMax, dimensions: dimensions)
        }
        features = ServedFeatures(dimensions: dimensions)
        finalNorm = ServedNorm(dimensions: dimensions)
        stream = Matrix(rows: positionsMax, columns: dimensions)
        vector = Matrix(rows: 1, columns: dimensions)
    }

    func refresh() throws(TensorError) {
        for block in blocks { try block.refresh() }
        features.refresh(from: encoder.features)
        finalNorm.refresh(from: encoder.finalNorm)
    }

    func encode(
        _ window: Span<SessionEvent>, items: borrowing QuantizedTable, into hidden: inout Matrix
    ) throws(TensorError) {
        guard window.count > 0 else { return hidden.fill(0, rows: 0..<1) }
        for position in 0..<window.count { read(position, of: window, items: items, into: position) }
        for block in blocks.dropLast() { try block.encode(&stream, positions: window.count) }
        try blocks.last?.encodeLast(&stream, positions: window.count)
        finalNorm.apply(stream, row: window.count - 1, into: &hidden)
    }

    private func read(_ position: Int, of window: Span<SessionEvent>, items: borrowing QuantizedTable, into row: Int) {
        features.read(position, of: window, items: items, into: &vector)
        stream.copyRow(row, from: vector, row: 0)
        if encoder.configuration.inputScale != 1 { stream.scaleRow(row, by: encoder.configuration.inputScale) }
    }
}
