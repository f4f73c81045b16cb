/// Why a row cannot be quantized.
public enum TensorError: Error, Equatable, Sendable {
    /// The row, or the vector (row 0), holds a NaN or an infinity.
    case notFinite(row: Int)
}

extension TensorError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notFinite(let row): "row \(row) holds a number that is not finite"
        }
    }
}
