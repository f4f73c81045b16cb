internal import SequenceModels
internal import Tensors

// L = events of a window, D = width

/// `AttentionEncoder` in int8: every product with weights is int8; norms, attention and the stream are float.
///
/// Only the last state of a window is asked for, so the last block computes one position, beside the keys and
/// values of all. Where those are kept, a window that goes on from an earlier one computes one position in every
/// block: see ``KeyValueCache``.
final class QuantizedAttention: QuantizedEncoder {
    private let encoder: AttentionEncoder
    private var parts: Parts

    /// - Parameter encoder: the float twin, of a width that is a multiple of 16.
    init(_ encoder: AttentionEncoder) {
        self.encoder = encoder
        parts = Parts(encoder)
    }

    func refresh() throws(TensorError) { try parts.refresh(from: encoder) }

    func encode(
        _ window: Span<SessionEvent>, items: borrowing QuantizedTable, into hidden: inout Matrix
    ) throws(TensorError) {
        guard window.count > 0 else { return hidden.fill(0, rows: 0..<1) }
        try parts.encode(window, items: items, into: &hidden)
    }

    /// The same of a window that goes on from what is kept, or is kept from now on.
    func encode(
        _ window: Span<SessionEvent>, _ step: KeptStep, in cache: KeyValueCache, items: borrowing QuantizedTable,
        into hidden: inout Matrix
    ) throws(TensorError) {
        try parts.encode(window, step, in: cache, items: items, into: &hidden)
    }
}

/// One value, which a call reaches for once: each property of a class is watched while it is changed.
private struct Parts: ~Copyable {
    private let inputScale: Float
    private let blocks: [QuantizedAttentionBlock]
    private var features: ServedFeatures
    private var finalNorm: ServedNorm
    /// What the blocks add to, [L x D].
    private var stream: Matrix
    /// [L x D]
    private var normed: Matrix

    init(_ encoder: AttentionEncoder) {
        let (dimensions, positionsMax) = (encoder.dimensions, encoder.positionsMax)
        inputScale = encoder.configuration.inputScale
        blocks = encoder.blocks.map {
            QuantizedAttentionBlock($0, encoder.configuration, positionsMax: positionsMax, dimensions: dimensions)
        }
        features = ServedFeatures(dimensions: dimensions)
        finalNorm = ServedNorm(rowsMax: positionsMax, dimensions: dimensions)
        stream = Matrix(rows: positionsMax, columns: dimensions)
        normed = Matrix(rows: positionsMax, columns: dimensions)
    }

    mutating func refresh(from encoder: AttentionEncoder) throws(TensorError) {
        for block in blocks { try block.refresh() }
        features.refresh(from: encoder.features)
        try finalNorm.refresh(from: encoder.finalNorm)
    }

    mutating func encode(
        _ window: Span<SessionEvent>, items: borrowing QuantizedTable, into hidden: inout Matrix
    ) throws(TensorError) {
        let last = window.count - 1
        for position in 0...last {
            features.read(position, of: window, items: items, into: &stream, row: position)
            if inputScale != 1 { stream.scaleRow(position, by: inputScale) }
        }
        for block in blocks.dropLast() { try block.encode(&stream, positions: window.count) }
        try blocks.last?.encodeLast(&stream, positions: window.count)
        finalNorm.apply(stream, rows: last..<last + 1, into: &normed)
        hidden.copyRow(0, from: normed, row: last)
    }

    mutating func encode(
        _ window: Span<SessionEvent>, _ step: KeptStep, in cache: KeyValueCache, items: borrowing QuantizedTable,
        into hidden: inout Matrix
    ) throws(TensorError) {
        precondition(window.count == step.count && !window.isEmpty, "the window that was planned")
        guard step.isWhole else { return try encodeNext(window, step, in: cache, items: items, into: &hidden) }
        try encode(window, items: items, into: &hidden)
        for (number, block) in blocks.enumerated() {
            try block.keep(positions: window.count, first: cache.firstRow(step.slot, block: number), in: cache)
        }
    }

    /// The newest event of a window alone, beside what is kept of the others.
    private mutating func encodeNext(
        _ window: Span<SessionEvent>, _ step: KeptStep, in cache: KeyValueCache, items: borrowing QuantizedTable,
        into hidden: inout Matrix
    ) throws(TensorError) {
        features.read(window.count - 1, of: window, items: items, into: &stream, row: 0)
        if inputScale != 1 { stream.scaleRow(0, by: inputScale) }
        for (number, block) in blocks.enumerated() {
            try block.encodeNext(&stream, step, first: cache.firstRow(step.slot, block: number), in: cache)
        }
        finalNorm.apply(stream, rows: 0..<1, into: &normed)
        hidden.copyRow(0, from: normed, row: 0)
    }
}
