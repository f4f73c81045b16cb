internal import Tensors

// P = positions of a batch, D = width, F = filters, L = events read, M = (L - 2) / 2 pooled pairs

/// The network of the textbooks over the last L events: Conv1D of three with F filters, ReLU, max-pool of two,
/// flatten, dense to D, ReLU.
///
/// Each position has its own window of L events that end with it, zeros before the first. A convolution and a
/// pair belong to many windows and are computed once.
public final class TextbookConvolution {
    public internal(set) var convolution: ConvolutionLayer
    /// [1 x F]
    public internal(set) var convolutionBias: Parameter
    /// M · F to D, the oldest pair first.
    public internal(set) var dense: LinearLayer
    /// [1 x D]
    public internal(set) var denseBias: Parameter

    public let pairs: Int
    private let filters: Int

    /// Before and after ReLU, [P + 1 x F]; the last row is what zeros alone give.
    private var convolved: Matrix
    private var rectified: Matrix
    /// The larger of a position and the one before, [P + 1 x F]; its gradient.
    private var pooled: Matrix
    private var pooledGradient: Matrix
    private var rectifiedGradient: Matrix
    /// [P x M · F]
    private var flat: Matrix
    private var flatGradient: Matrix
    /// Before ReLU, [P x D], and the gradient there.
    private var densed: Matrix
    private var densedGradient: Matrix

    init(
        _ configuration: ConvolutionConfiguration, positionsMax: Int, dimensions: Int, using generator: inout SeededGenerator
    ) {
        precondition(configuration.length >= 4 && configuration.length % 2 == 0, "an even number of events, at least four")
        filters = configuration.filters
        pairs = (configuration.length - ConvolutionLayer.size + 1) / 2
        let limit = 1 / Float(ConvolutionLayer.size * dimensions).squareRoot()
        convolution = ConvolutionLayer(
            "convolution.conv.weight", positionsMax: positionsMax, inputs: dimensions, outputs: filters, dilation: 1,
            limit: limit, using: &generator)
        convolutionBias = Parameter("convolution.conv.bias", rows: 1, columns: filters, limit: limit, using: &generator)
        let denseLimit = 1 / Float(pairs * filters).squareRoot()
        dense = LinearLayer(
            "convolution.dense.weight", inputs: pairs * filters, outputs: dimensions, limit: denseLimit, using: &generator)
        denseBias = Parameter("convolution.dense.bias", rows: 1, columns: dimensions, limit: denseLimit, using: &generator)
        convolved = Matrix(rows: positionsMax + 1, columns: filters)
        rectified = Matrix(rows: positionsMax + 1, columns: filters)
        pooled = Matrix(rows: positionsMax + 1, columns: filters)
        pooledGradient = Matrix(rows: positionsMax + 1, columns: filters)
        rectifiedGradient = Matrix(rows: positionsMax + 1, columns: filters)
        flat = Matrix(rows: positionsMax, columns: pairs * filters)
        flatGradient = Matrix(rows: positionsMax, columns: pairs * filters)
        densed = Matrix(rows: positionsMax, columns: dimensions)
        densedGradient = Matrix(rows: positionsMax, columns: dimensions)
    }

    /// Row of the pair that ends `back` pairs before `row`; the last row where there are only zeros.
    private func pair(_ back: Int, before row: Int, in window: Range<Int>) -> Int {
        let place = row - 2 * back
        return place >= window.lowerBound ? place : pooled.rows - 1
    }

    /// The row before in the same window; the last row where there is none.
    private func previous(_ row: Int, in window: Range<Int>) -> Int {
        row > window.lowerBound ? row - 1 : rectified.rows - 1
    }

    /// From what is read to the states, [P x D], rows by window.
    func forward(_ x: borrowing Matrix, _ layout: borrowing WindowLayout, into states: inout Matrix) {
        let (rows, zeros) = (layout.positionCount, pooled.rows - 1)
        convolution.forward(x, layout, into: &convolved, accumulating: false)
        convolved.fill(0, rows: zeros..<zeros + 1)
        Activation.relu.forward(bias: convolutionBias.value, &convolved, into: &rectified, rows: 0..<rows)
        Activation.relu.forward(bias: convolutionBias.value, &convolved, into: &rectified, rows: zeros..<zeros + 1)
        pooled.copyRow(zeros, from: rectified, row: zeros)
        for window in layout.windows {
            for row in window {
                pooled.copyRow(row, from: rectified, row: previous(row, in: window))
                pooled.maximizeRow(row, with: rectified, row: row)
            }
            for row in window {
                for place in 0..<pairs {
                    let source = pair(pairs - 1 - place, before: row, in: window)
                    flat.copyRow(row, column: place * filters, from: pooled, row: source)
                }
            }
        }
        dense.forward(flat, rows: rows, into: &densed, accumulating: false)
        Activation.relu.forward(bias: denseBias.value, &densed, into: &states, rows: 0..<rows)
    }

    /// From dL/d(states) to dL/dx, both [P x D].
    func backward(_ gradient: borrowing Matrix, _ layout: borrowing WindowLayout, into xGradient: inout Matrix) {
        let (rows, zeros) = (layout.positionCount, pooled.rows - 1)
        for row in 0..<rows { densedGradient.copyRow(row, from: gradient, row: row) }
        Activation.relu.backward(densed, gradient: &densedGradient, biasGradient: &denseBias.gradient, rows: 0..<rows)
        dense.backward(densedGradient, flat, rows: rows, into: &flatGradient, accumulating: false)
        for range in [0..<rows, zeros..<zeros + 1] {
            pooledGradient.fill(0, rows: range)
            rectifiedGradient.fill(0, rows: range)
        }
        for window in layout.windows {
            for row in window {
                for place in 0..<pairs {
                    let target = pair(pairs - 1 - place, before: row, in: window)
                    pooledGradient.addRow(target, from: flatGradient, row: row, column: place * filters)
                }
            }
            for row in window {
                Self.unpool(
                    row, previous(row, in: window), pooledGradient, rectified, into: &rectifiedGradient)
            }
        }
        rectifiedGradient.addRow(zeros, from: pooledGradient, row: zeros, scale: 1)
        for range in [0..<rows, zeros..<zeros + 1] {
            Activation.relu.backward(
                convolved, gradient: &rectifiedGradient, biasGradient: &convolutionBias.gradient, rows: range)
        }
        convolution.backward(rectifiedGradient, layout, into: &xGradient)
    }

    /// Gives the gradient of a pair to the larger of the two, the earlier one where they are equal.
    private static func unpool(
        _ row: Int, _ previous: Int, _ pooledGradient: borrowing Matrix, _ rectified: borrowing Matrix,
        into gradient: inout Matrix
    ) {
        for filter in 0..<rectified.columns {
            let winner = rectified[row, filter] > rectified[previous, filter] ? row : previous
            gradient[winner, filter] += pooledGradient[row, filter]
        }
    }

    func forEachParameter(_ body: (inout Parameter) -> Void) {
        body(&convolution.linear.weights)
        body(&convolutionBias)
        body(&dense.weights)
        body(&denseBias)
    }
}
