internal import CKernels

/// y = (x - mean) / √(variance + 1e-5) ∘ gain + bias, row by row (Ba, Kiros and Hinton 2016).
///
/// - Parameters:
///   - gain, bias: [1 x n]
///   - normalized: receives the rows before gain and bias, for the way back.
///   - inverseDeviations: receives 1 / √(variance + 1e-5) of each row, [1 x rows].
public func layerNorm(
    _ x: borrowing Matrix, gain: borrowing Matrix, bias: borrowing Matrix, rows: Range<Int>, normalized: inout Matrix,
    inverseDeviations: inout Matrix, into y: inout Matrix
) {
    precondition(
        gain.columns == x.columns && bias.columns == x.columns && normalized.columns == x.columns && y.columns == x.columns,
        "rows of one width")
    precondition(
        rows.upperBound <= min(x.rows, normalized.rows, y.rows) && rows.upperBound <= inverseDeviations.columns,
        "the rows are there")
    guard !rows.isEmpty else { return }
    let first = rows.lowerBound
    unsafe kn_layer_norm_f32(
        x.pointer(first), x.stride, gain.pointer(0), bias.pointer(0), normalized.pointer(first), normalized.stride,
        inverseDeviations.pointer(0) + first, y.pointer(first), y.stride, rows.count, x.columns)
}

/// The gradient of ``layerNorm(_:gain:bias:rows:normalized:inverseDeviations:into:)``; all three are added to.
public func layerNormBackward(
    _ yGradient: borrowing Matrix, gain: borrowing Matrix, normalized: borrowing Matrix,
    inverseDeviations: borrowing Matrix, rows: Range<Int>, addingTo xGradient: inout Matrix, gainGradient: inout Matrix,
    biasGradient: inout Matrix
) {
    precondition(
        gain.columns == yGradient.columns && normalized.columns == yGradient.columns
            && xGradient.columns == yGradient.columns && gainGradient.columns == yGradient.columns
            && biasGradient.columns == yGradient.columns, "rows of one width")
    precondition(
        rows.upperBound <= min(yGradient.rows, normalized.rows, xGradient.rows)
            && rows.upperBound <= inverseDeviations.columns, "the rows are there")
    guard !rows.isEmpty else { return }
    let first = rows.lowerBound
    unsafe kn_layer_norm_backward_f32(
        yGradient.pointer(first), yGradient.stride, gain.pointer(0), normalized.pointer(first), normalized.stride,
        inverseDeviations.pointer(0) + first, xGradient.pointer(first), xGradient.stride, gainGradient.pointer(0),
        biasGradient.pointer(0), rows.count, yGradient.columns)
}
