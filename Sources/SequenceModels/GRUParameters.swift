internal import Tensors

// D = hidden width

/// The dense tensors of a gated recurrent unit, in PyTorch's layout: gates in the order reset,
/// update, new.
public struct GRUParameters: ~Copyable {
    /// W_i, [3D x D]
    public var inputWeights: Parameter
    /// W_h, [3D x D]
    public var hiddenWeights: Parameter
    /// b_i, [1 x 3D]
    public var inputBias: Parameter
    /// b_h, [1 x 3D]
    public var hiddenBias: Parameter
    public var features: InputFeatures

    public var dimensions: Int { inputWeights.columns }

    /// Weights uniform in ±1/√D, as `torch.nn.GRU` draws them; biases zero.
    public init(dimensions: Int, using generator: inout SeededGenerator) {
        let limit = 1 / Float(dimensions).squareRoot()
        inputWeights = Parameter("gru.weight_ih", rows: 3 * dimensions, columns: dimensions, limit: limit, using: &generator)
        hiddenWeights = Parameter("gru.weight_hh", rows: 3 * dimensions, columns: dimensions, limit: limit, using: &generator)
        inputWeights.isGradientWritten = true
        hiddenWeights.isGradientWritten = true
        inputBias = Parameter("gru.bias_ih", rows: 1, columns: 3 * dimensions)
        hiddenBias = Parameter("gru.bias_hh", rows: 1, columns: 3 * dimensions)
        features = InputFeatures(prefix: "gru", dimensions: dimensions)
    }

    mutating func forEachParameter(_ body: (inout Parameter) -> Void) {
        body(&inputWeights)
        body(&hiddenWeights)
        body(&inputBias)
        body(&hiddenBias)
        features.forEachParameter(body)
    }
}
