public import Tensors

// D = hidden width

/// The dense tensors of a gated recurrent unit, in PyTorch's layout: gates in the order reset,
/// update, new. The same four shapes hold the parameters, their gradient, and each of Adam's moments.
public struct GRUParameters: ~Copyable {
    /// W_i, [3D x D]
    public var inputWeights: Matrix
    /// W_h, [3D x D]
    public var hiddenWeights: Matrix
    /// b_i, [1 x 3D]
    public var inputBias: Matrix
    /// b_h, [1 x 3D]
    public var hiddenBias: Matrix

    public var dimensions: Int { inputWeights.columns }

    /// All zero.
    public init(dimensions: Int) {
        inputWeights = Matrix(rows: 3 * dimensions, columns: dimensions)
        hiddenWeights = Matrix(rows: 3 * dimensions, columns: dimensions)
        inputBias = Matrix(rows: 1, columns: 3 * dimensions)
        hiddenBias = Matrix(rows: 1, columns: 3 * dimensions)
    }

    /// Weights uniform in ±1/√D, as `torch.nn.GRU` draws them; biases zero.
    public init(dimensions: Int, using generator: inout SeededGenerator) {
        self.init(dimensions: dimensions)
        let limit = 1 / Float(dimensions).squareRoot()
        for row in 0..<3 * dimensions {
            for column in 0..<dimensions {
                inputWeights[row, column] = generator.nextSymmetric(limit)
                hiddenWeights[row, column] = generator.nextSymmetric(limit)
            }
        }
    }

    /// Sets every value to zero.
    public mutating func clear() {
        inputWeights.fill(0, rows: 0..<inputWeights.rows)
        hiddenWeights.fill(0, rows: 0..<hiddenWeights.rows)
        inputBias.fill(0, rows: 0..<1)
        hiddenBias.fill(0, rows: 0..<1)
    }
}

extension GRUParameters {
    /// Scales all values down together so that their Euclidean norm is at most `limit` (Pascanu, Mikolov
    /// and Bengio 2013).
    public mutating func clipNorm(to limit: Float) {
        var square: Float = 0
        for name in Name.allCases {
            square += withTensor(name) { tensor in
                (0..<tensor.rows).reduce(Float(0)) { sum, row in sum + tensor.withRow(row) { dot($0, $0) } }
            }
        }
        guard square > limit * limit else { return }
        let factor = limit / square.squareRoot()
        for name in Name.allCases {
            withMutableTensor(name) { tensor in
                for row in 0..<tensor.rows {
                    tensor.withMutableRow(row) { values in
                        for column in 0..<values.count { values[column] *= factor }
                    }
                }
            }
        }
    }
}

extension GRUParameters {
    /// The tensors by the names they carry in checkpoints and exports.
    public enum Name: String, CaseIterable, Sendable {
        case inputWeights = "gru.weight_ih"
        case hiddenWeights = "gru.weight_hh"
        case inputBias = "gru.bias_ih"
        case hiddenBias = "gru.bias_hh"
    }

    public func withTensor<R>(_ name: Name, _ body: (borrowing Matrix) -> R) -> R {
        switch name {
        case .inputWeights: body(inputWeights)
        case .hiddenWeights: body(hiddenWeights)
        case .inputBias: body(inputBias)
        case .hiddenBias: body(hiddenBias)
        }
    }

    public mutating func withMutableTensor<R>(_ name: Name, _ body: (inout Matrix) -> R) -> R {
        switch name {
        case .inputWeights: body(&inputWeights)
        case .hiddenWeights: body(&hiddenWeights)
        case .inputBias: body(&inputBias)
        case .hiddenBias: body(&hiddenBias)
        }
    }
}
