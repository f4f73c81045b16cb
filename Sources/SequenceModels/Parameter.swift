public import Tensors

/// One dense tensor that is learned, with its gradient and what its optimizer remembers of it.
///
/// Embedding rows are not parameters of this kind: a step touches few of them, see `EmbeddingTable`.
public struct Parameter: ~Copyable {
    /// What it is called in checkpoints and exports, for example "gru.weight_ih".
    public let name: String
    public var value: Matrix
    /// Of the step under way; added to, or written, by the backward pass.
    public var gradient: Matrix
    /// Running mean of the gradient: Adam's first moment, or SGD's momentum.
    public var firstMoment: Matrix
    /// Running mean of its square (Adam), or its sum (Adagrad).
    public var secondMoment: Matrix

    /// What the optimizer's rate is multiplied by.
    public var rateScale: Float = 1

    /// Whether the first backward pass of a step writes the gradient whole: then nothing is cleared before it.
    var isGradientWritten = false
    /// Whether the gradient that stands there is of the step before.
    private(set) var isGradientStale = false

    public var rows: Int { value.rows }
    public var columns: Int { value.columns }

    /// All values `initial`.
    public init(_ name: String, rows: Int, columns: Int, initial: Float = 0) {
        self.name = name
        value = Matrix(rows: rows, columns: columns)
        gradient = Matrix(rows: rows, columns: columns)
        firstMoment = Matrix(rows: rows, columns: columns)
        secondMoment = Matrix(rows: rows, columns: columns)
        if initial != 0 { value.fill(initial, rows: 0..<rows) }
    }

    /// Values uniform in [-limit, limit).
    public init(_ name: String, rows: Int, columns: Int, limit: Float, using generator: inout SeededGenerator) {
        self.init(name, rows: rows, columns: columns)
        for row in 0..<rows {
            for column in 0..<columns { value[row, column] = generator.nextSymmetric(limit) }
        }
    }

    /// Begins a step.
    mutating func forgetGradient() {
        if isGradientWritten { isGradientStale = true } else { clearGradient() }
    }

    /// Writes or adds AᵀB, whichever is due.
    mutating func addToGradient(_ a: borrowing Matrix, _ b: borrowing Matrix, rows: Int) {
        multiplyTN(
            a, columns: self.rows, b, rows: rows, into: &gradient, accumulating: !isGradientStale, precision: .rounded)
        isGradientStale = false
    }

    /// Adds the gradient of a copy, which worked on another part of the step.
    mutating func addGradient(of copy: borrowing Parameter) {
        precondition(!isGradientStale && !copy.isGradientStale, "both were back-propagated through")
        gradient.add(copy.gradient, rows: 0..<rows)
    }

    public mutating func clearGradient() {
        isGradientStale = false
        gradient.fill(0, rows: 0..<rows)
    }

    /// The square of the gradient's Euclidean norm.
    public var squaredGradientNorm: Float { gradient.squaredNorm }
}
