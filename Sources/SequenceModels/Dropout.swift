public import Tensors

/// Leaves values out by chance while training, and scales the rest up to keep their mean (Srivastava et
/// al. 2014, "inverted").
///
/// Its chance is its own: how often it draws does not move the numbers of anything else that is seeded.
public struct Dropout: Sendable {
    /// The share that is left out, in 0..<1.
    public let rate: Float
    public var generator: SeededGenerator

    public init(rate: Float, seed: UInt64) {
        precondition(rate >= 0 && rate < 1, "something is left")
        self.rate = rate
        generator = SeededGenerator(seed: seed)
    }

    /// Leaves nothing out.
    public static let none = Dropout(rate: 0, seed: 0)

    public var isActive: Bool { rate > 0 }

    /// Draws a mask for some rows: 0 where a value is left out, 1 / (1 - rate) elsewhere.
    ///
    /// - Parameter share: of the rate that is wanted here, 0...1.
    public mutating func draw(_ mask: inout Matrix, rows: Range<Int>, share: Float = 1) {
        let rate = rate * share
        mask.fillByChance(rows: rows, after: generator.state, rate: rate, kept: 1 / (1 - rate))
        generator.skip(rows.count * mask.columns)
    }
}
