internal import Tensors

// P = positions of a batch, D = hidden width

/// What is read of an event beside its item: a learned vector for its type, for the time since the event
/// before, and for whether its item is a repeat, added to the item's vector (as positions are in Vaswani et
/// al. 2017). Zero at first, and for the default type, a session's first event and a new item for good: a
/// stream without types or times loses nothing.
public struct InputFeatures: ~Copyable {
    /// [types x D]
    public var types: Parameter
    /// [gaps x D]
    public var gaps: Parameter
    /// [3 x D]: new, met earlier, the item just before.
    public var repetitions: Parameter

    /// A few vectors that every position shares would wander at the rate of the weights: on rsc15 HR@20 falls
    /// from .584 to .578 at the full rate, and stays at a tenth of it.
    private static let rateScale: Float = 0.1

    /// - Parameter prefix: stands before each tensor's name.
    public init(prefix: String, dimensions: Int) {
        types = Parameter(prefix + ".type_embedding", rows: SessionEvent.typesMax, columns: dimensions)
        gaps = Parameter(prefix + ".gap_embedding", rows: SessionEvent.gapsMax, columns: dimensions)
        repetitions = Parameter(prefix + ".repeat_embedding", rows: SessionEvent.repetitionsMax, columns: dimensions)
        types.rateScale = Self.rateScale
        gaps.rateScale = Self.rateScale
        repetitions.rateScale = Self.rateScale
    }

    /// Fills the first rows of `inputs` with what each position of the batch reads, [P x D].
    func read(_ batch: SequenceBatch, _ table: borrowing EmbeddingTable, into inputs: inout Matrix) {
        for position in 0..<batch.positionCount {
            inputs.copyRow(position, from: table.vectors, row: Int(batch.inputs[position]))
            inputs.addRow(
                position, from: types.value, row: Int(batch.types[position]), gaps.value, row: Int(batch.gaps[position]),
                repetitions.value, row: Int(batch.repetitions[position]))
        }
    }

    /// Adds the gradient of what was read, [P x D], to the rows and to these tables.
    mutating func propagate(_ inputsGradient: borrowing Matrix, _ batch: SequenceBatch, rows: inout RowGradients) {
        rows.admit(batch.inputs)
        for position in 0..<batch.positionCount {
            rows.add(batch.inputs[position], from: inputsGradient, row: position, scale: 1)
            Self.add(inputsGradient, row: position, to: &types, place: batch.types[position])
            Self.add(inputsGradient, row: position, to: &gaps, place: batch.gaps[position])
            Self.add(inputsGradient, row: position, to: &repetitions, place: batch.repetitions[position])
        }
    }

    private static func add(_ gradients: borrowing Matrix, row: Int, to vectors: inout Parameter, place: UInt8) {
        guard place > 0 else { return }
        vectors.gradient.addRow(Int(place), from: gradients, row: row, scale: 1)
    }

    mutating func forEachParameter(_ body: (inout Parameter) -> Void) {
        body(&types)
        body(&gaps)
        body(&repetitions)
    }
}
