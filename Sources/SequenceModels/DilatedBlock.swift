internal import Tensors

// P = positions of a batch, D = width

/// One residual block of causal dilated convolutions (NextItNet, Yuan et al. 2019), with norms and ReLU before
/// what they feed (He et al. 2016): x += Conv₂ᵈ(ReLU(Norm(Convᵈ(ReLU(Norm(x)))))).
public final class DilatedBlock {
    public internal(set) var firstNorm: NormLayer
    public internal(set) var firstConvolution: ConvolutionLayer
    public internal(set) var secondNorm: NormLayer
    public internal(set) var secondConvolution: ConvolutionLayer

    /// [P x D] each: before and after ReLU, of both halves, and what lies between them.
    private var firstNormed: Matrix
    private var firstRectified: Matrix
    private var middle: Matrix
    private var secondNormed: Matrix
    private var secondRectified: Matrix
    private var slopes: Matrix
    private var middleGradient: Matrix
    /// ReLU has no bias of its own, [1 x D]: zero, and what its gradient would be.
    private var noBias: Matrix
    private var noBiasGradient: Matrix

    init(_ name: String, dilation: Int, positionsMax: Int, dimensions: Int, using generator: inout SeededGenerator) {
        let limit = 1 / Float(ConvolutionLayer.size * dimensions).squareRoot()
        firstNorm = NormLayer(name + ".first_norm", positionsMax: positionsMax, dimensions: dimensions)
        firstConvolution = ConvolutionLayer(
            name + ".first.weight", positionsMax: positionsMax, inputs: dimensions, outputs: dimensions,
            dilation: dilation, limit: limit, using: &generator)
        secondNorm = NormLayer(name + ".second_norm", positionsMax: positionsMax, dimensions: dimensions)
        secondConvolution = ConvolutionLayer(
            name + ".second.weight", positionsMax: positionsMax, inputs: dimensions, outputs: dimensions,
            dilation: 2 * dilation, limit: limit, using: &generator)
        firstNormed = Matrix(rows: positionsMax, columns: dimensions)
        firstRectified = Matrix(rows: positionsMax, columns: dimensions)
        middle = Matrix(rows: positionsMax, columns: dimensions)
        secondNormed = Matrix(rows: positionsMax, columns: dimensions)
        secondRectified = Matrix(rows: positionsMax, columns: dimensions)
        slopes = Matrix(rows: positionsMax, columns: dimensions)
        middleGradient = Matrix(rows: positionsMax, columns: dimensions)
        noBias = Matrix(rows: 1, columns: dimensions)
        noBiasGradient = Matrix(rows: 1, columns: dimensions)
    }

    /// Adds its result to the stream, [P x D], rows by window.
    func forward(_ stream: inout Matrix, _ layout: borrowing WindowLayout) {
        let rows = layout.positionCount
        firstNorm.forward(stream, rows: rows, into: &firstNormed)
        Activation.relu.forward(bias: noBias, &firstNormed, into: &firstRectified, rows: 0..<rows)
        firstConvolution.forward(firstRectified, layout, into: &middle, accumulating: false)
        secondNorm.forward(middle, rows: rows, into: &secondNormed)
        Activation.relu.forward(bias: noBias, &secondNormed, into: &secondRectified, rows: 0..<rows)
        secondConvolution.forward(secondRectified, layout, into: &stream, accumulating: true)
    }

    /// From the gradient of the stream after the block to that before it, in place.
    func backward(_ gradient: inout Matrix, _ layout: borrowing WindowLayout) {
        let rows = layout.positionCount
        secondConvolution.backward(gradient, layout, into: &slopes)
        Activation.relu.backward(secondNormed, gradient: &slopes, biasGradient: &noBiasGradient, rows: 0..<rows)
        middleGradient.fill(0, rows: 0..<rows)
        secondNorm.backward(slopes, rows: rows, addingTo: &middleGradient)
        firstConvolution.backward(middleGradient, layout, into: &slopes)
        Activation.relu.backward(firstNormed, gradient: &slopes, biasGradient: &noBiasGradient, rows: 0..<rows)
        firstNorm.backward(slopes, rows: rows, addingTo: &gradient)
    }

    func forEachParameter(_ body: (inout Parameter) -> Void) {
        firstNorm.forEachParameter(body)
        body(&firstConvolution.linear.weights)
        secondNorm.forEachParameter(body)
        body(&secondConvolution.linear.weights)
    }
}
