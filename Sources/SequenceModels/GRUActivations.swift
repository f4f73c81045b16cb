public import Tensors

// P = positions of a batch, D = hidden width

/// What the forward pass leaves for the backward pass, and the backward pass's own workspace: rows
/// are the positions of a `SequenceBatch`. Allocated once at the largest batch.
public struct GRUActivations: ~Copyable {
    /// x, [P x D]
    var inputs: Matrix
    /// What dropout multiplied x by, [P x D], where it did.
    var mask: Matrix
    var isDropping = false
    /// W_i x + b_i, [P x 3D]
    var inputGates: Matrix
    /// W_h h + b_h, [P x 3D]
    var hiddenGates: Matrix
    /// r, z, n after their activations, [P x 3D]
    var gates: Matrix
    /// h before the position, [P x D]
    var previous: Matrix
    /// h after the position, [P x D]
    public internal(set) var hidden: Matrix

    var inputGatesGradient: Matrix
    var hiddenGatesGradient: Matrix
    /// dL/dx, [P x D]
    var inputsGradient: Matrix
    /// dL/dh' as it reaches a position, from its own loss and from the position after, [P x D].
    var arriving: Matrix
    /// dL/dh as it leaves to the position before, [P x D].
    var leaving: Matrix
    /// W_iᵀ and W_hᵀ, [D x 3D] each.
    var inputWeights: Matrix
    var hiddenWeights: Matrix

    public let positionsMax: Int

    public init(positionsMax: Int, dimensions: Int) {
        self.positionsMax = positionsMax
        inputs = Matrix(rows: positionsMax, columns: dimensions)
        mask = Matrix(rows: positionsMax, columns: dimensions)
        inputGates = Matrix(rows: positionsMax, columns: 3 * dimensions)
        hiddenGates = Matrix(rows: positionsMax, columns: 3 * dimensions)
        gates = Matrix(rows: positionsMax, columns: 3 * dimensions)
        previous = Matrix(rows: positionsMax, columns: dimensions)
        hidden = Matrix(rows: positionsMax, columns: dimensions)
        inputGatesGradient = Matrix(rows: positionsMax, columns: 3 * dimensions)
        hiddenGatesGradient = Matrix(rows: positionsMax, columns: 3 * dimensions)
        inputsGradient = Matrix(rows: positionsMax, columns: dimensions)
        arriving = Matrix(rows: positionsMax, columns: dimensions)
        leaving = Matrix(rows: positionsMax, columns: dimensions)
        inputWeights = Matrix(rows: dimensions, columns: 3 * dimensions)
        hiddenWeights = Matrix(rows: dimensions, columns: 3 * dimensions)
    }
}
