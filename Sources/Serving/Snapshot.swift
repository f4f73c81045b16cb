public import SequenceModels
public import Tensors

// V = item count, D = hidden width

/// The model as it is served: int8 rows with a scale a row for the items, int8 weights for the
/// encoder. Training refreshes exactly the rows that it touched; serving reads nothing else.
public struct Snapshot: ~Copyable {
    /// [V x D], packed for the top-k scan.
    public private(set) var items: QuantizedTable
    /// W_i with b_i as the rows' biases, [3D x D].
    private(set) var inputGates: QuantizedTable
    /// W_h with b_h as the rows' biases, [3D x D].
    private(set) var hiddenGates: QuantizedTable
    public let dimensions: Int

    /// - Parameter dimensions: D, a multiple of 16.
    public init(capacity: Int, dimensions: Int) {
        self.dimensions = dimensions
        items = QuantizedTable(capacity: capacity, columns: dimensions)
        inputGates = QuantizedTable(capacity: 3 * dimensions, columns: dimensions)
        hiddenGates = QuantizedTable(capacity: 3 * dimensions, columns: dimensions)
    }

    /// Takes over the encoder's newest weights.
    ///
    /// - Throws: `TensorError.notFinite` where training has diverged; the encoder may then be half
    ///   old, half new, and the caller restores the last good parameters.
    public mutating func refreshEncoder(from parameters: borrowing GRUParameters) throws(TensorError) {
        for row in 0..<3 * dimensions {
            try inputGates.setRow(
                row, from: parameters.inputWeights, sourceRow: row, bias: parameters.inputBias[0, row])
            try hiddenGates.setRow(
                row, from: parameters.hiddenWeights, sourceRow: row, bias: parameters.hiddenBias[0, row])
        }
    }

    /// Takes over the newest row of one item.
    ///
    /// - Throws: `TensorError.notFinite`; the served row is then still the old one.
    public mutating func refreshItem(_ item: ItemIndex, from table: borrowing EmbeddingTable) throws(TensorError) {
        let row = Int(item)
        try items.setRow(row, from: table.vectors, sourceRow: row, bias: table.biases[0, row])
    }

    /// Takes an item out of every later list at once.
    public mutating func removeItem(_ item: ItemIndex) {
        items.removeRow(Int(item))
    }
}
