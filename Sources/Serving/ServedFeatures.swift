internal import SequenceModels
internal import Tensors

// D = hidden width

/// What an int8 encoder reads at a position: the item's served vector with the learned vectors of the
/// event's type, gap and repetition added, as `InputFeatures` does in training.
struct ServedFeatures: ~Copyable {
    private var types: Matrix
    private var gaps: Matrix
    private var repetitions: Matrix

    init(dimensions: Int) {
        types = Matrix(rows: SessionEvent.typesMax, columns: dimensions)
        gaps = Matrix(rows: SessionEvent.gapsMax, columns: dimensions)
        repetitions = Matrix(rows: SessionEvent.repetitionsMax, columns: dimensions)
    }

    mutating func refresh(from features: borrowing InputFeatures) {
        types.copy(features.types.value)
        gaps.copy(features.gaps.value)
        repetitions.copy(features.repetitions.value)
    }

    /// Fills a row of `vectors`, [at least row + 1 x D].
    func read(
        _ position: Int, of window: Span<SessionEvent>, items: borrowing QuantizedTable, into vectors: inout Matrix, row: Int
    ) {
        let event = window[position]
        vectors.withMutableRow(row) { items.dequantizeRow(Int(event.item), into: &$0) }
        vectors.addRow(
            row, from: types, row: Int(event.type), gaps, row: Int(event.gap), repetitions,
            row: SessionEvent.repetition(position, in: window))
    }
}
