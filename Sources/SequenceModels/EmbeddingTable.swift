public import Tensors

// V = item count, D = hidden width

/// The item parameters: one vector and one bias an item, used both where an item is read and where
/// it is scored (tied embeddings), with the row-wise Adagrad state beside them.
///
/// Capacity is reserved at the bound and committed by the operating system as rows come into use, so
/// a growing catalogue never copies the table.
public struct EmbeddingTable: ~Copyable {
    /// [capacity x D]
    public var vectors: Matrix
    /// [1 x capacity]
    public var biases: Matrix
    /// Sum over the steps of each row's mean squared gradient, [1 x capacity].
    public var vectorAccumulators: Matrix
    /// Sum over the steps of each bias's squared gradient, [1 x capacity].
    public var biasAccumulators: Matrix
    /// Nil for Adagrad.
    public internal(set) var moments: RowMoments?
    /// Rows in use, V.
    public private(set) var count = 0

    public var capacity: Int { vectors.rows }
    public var dimensions: Int { vectors.columns }

    public init(capacity: Int, dimensions: Int) {
        vectors = Matrix(rows: capacity, columns: dimensions)
        biases = Matrix(rows: 1, columns: capacity)
        vectorAccumulators = Matrix(rows: 1, columns: capacity)
        biasAccumulators = Matrix(rows: 1, columns: capacity)
    }

    /// Takes row `index` into use, or anew after its item has left, with small random values.
    ///
    /// - Parameter limit: values are drawn uniformly from [-limit, limit).
    public mutating func initializeRow(
        _ index: ItemIndex, limit: Float, bias: Float, using generator: inout SeededGenerator
    ) {
        precondition(index >= 0 && Int(index) <= count && Int(index) < capacity, "rows come into use in order")
        let row = Int(index)
        for column in 0..<dimensions { vectors[row, column] = generator.nextSymmetric(limit) }
        biases[0, row] = bias
        vectorAccumulators[0, row] = 0
        biasAccumulators[0, row] = 0
        moments?.clear(row)
        count = max(count, row + 1)
    }

    /// Asks for everything of an item to be brought near: a step knows its rows long before it comes to them, and each
    /// lies somewhere else.
    public func prefetch(_ index: ItemIndex) {
        let row = Int(index)
        vectors.prefetchRow(row)
        biases.prefetch(row: 0, column: row)
        vectorAccumulators.prefetch(row: 0, column: row)
        biasAccumulators.prefetch(row: 0, column: row)
    }

    /// Adds a part of one item's vector to another's.
    public mutating func add(_ other: ItemIndex, to index: ItemIndex, scale: Float) {
        vectors.addRow(Int(index), fromRow: Int(other), scale: scale)
    }

    /// Applies one row-wise Adagrad step (Duchi, Hazan and Singer 2011; one accumulator a row as in
    /// DLRM) to every row that `gradients` touched.
    ///
    /// - Parameters:
    ///   - decay: what is left of a touched row's accumulators before; 1 for all.
    ///   - normalizing: the rows are brought back to length one.
    public mutating func applyAdagrad(
        _ gradients: borrowing RowGradients, rate: Float, epsilon: Float, decay: Float = 1,
        normalizing: Bool = false
    ) {
        gradients.withRows { rows, slopes, biasSlopes in
            adagradUpdate(
                vectors: &vectors, biases: &biases, vectorSums: &vectorAccumulators, biasSums: &biasAccumulators,
                rows: rows, gradients: slopes, biasGradients: biasSlopes, decay: decay, rate: rate, epsilon: epsilon,
                normalizing: normalizing)
        }
    }
}
