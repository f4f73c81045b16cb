internal import Tensors

// P = positions of a batch, I = width of what is read, O = filters

/// A causal convolution of three events along each window: y[t] = W · (x[t - 2d], x[t - d], x[t]), with zeros
/// before the window's first event and dilation d. One matrix product over all positions.
public struct ConvolutionLayer: ~Copyable {
    /// The three parts of W side by side, the oldest event's first, [O x 3I].
    public internal(set) var linear: LinearLayer
    public let dilation: Int
    /// The three events of each position side by side, or their gradient, [P x 3I].
    private var unfolded: Matrix
    private var unfoldedGradient: Matrix

    public static let size = 3

    init(
        _ name: String, positionsMax: Int, inputs: Int, outputs: Int, dilation: Int, limit: Float,
        using generator: inout SeededGenerator
    ) {
        linear = LinearLayer(name, inputs: Self.size * inputs, outputs: outputs, limit: limit, using: &generator)
        self.dilation = dilation
        unfolded = Matrix(rows: positionsMax, columns: Self.size * inputs)
        unfoldedGradient = Matrix(rows: positionsMax, columns: Self.size * inputs)
    }

    /// y = conv(x), or y += where accumulating; rows by window.
    mutating func forward(
        _ x: borrowing Matrix, _ layout: borrowing WindowLayout, into y: inout Matrix, accumulating: Bool
    ) {
        let width = x.columns
        for window in layout.windows {
            for row in window {
                for part in 0..<Self.size {
                    let source = row - (Self.size - 1 - part) * dilation
                    let columns = part * width..<(part + 1) * width
                    if source >= window.lowerBound {
                        unfolded.copyRow(row, column: columns.lowerBound, from: x, row: source)
                    } else {
                        unfolded.fillRow(row, columns: columns, with: 0)
                    }
                }
            }
        }
        linear.forward(unfolded, rows: layout.positionCount, into: &y, accumulating: accumulating)
    }

    /// Adds dL/dW to its gradient; dL/dx is written.
    mutating func backward(
        _ yGradient: borrowing Matrix, _ layout: borrowing WindowLayout, into xGradient: inout Matrix
    ) {
        let (width, rows) = (xGradient.columns, layout.positionCount)
        linear.backward(yGradient, unfolded, rows: rows, into: &unfoldedGradient, accumulating: false)
        xGradient.fill(0, rows: 0..<rows)
        for window in layout.windows {
            for row in window {
                for part in 0..<Self.size {
                    let source = row - (Self.size - 1 - part) * dilation
                    guard source >= window.lowerBound else { continue }
                    xGradient.addRow(source, from: unfoldedGradient, row: row, column: part * width)
                }
            }
        }
    }
}
