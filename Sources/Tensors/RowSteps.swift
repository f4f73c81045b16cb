internal import CKernels

// V = rows of a table, D = columns, N = rows that a step touches

/// One step of row-wise Adagrad on some rows of a table and their biases, each row named once:
/// sum = decay · sum + mean(g²); w -= rate · g / (√sum + epsilon).
///
/// - Parameters:
///   - vectors: [V x D]; `biases`, `vectorSums` and `biasSums`: [1 x V].
///   - gradients: [at least N x D]; `biasGradients`: at least N.
///   - normalizing: the vectors are brought back to length one.
public func adagradUpdate(
    vectors: inout Matrix, biases: inout Matrix, vectorSums: inout Matrix, biasSums: inout Matrix, rows: Span<Int32>,
    gradients: borrowing Matrix, biasGradients: Span<Float>, decay: Float, rate: Float, epsilon: Float,
    normalizing: Bool
) {
    check(vectors, biases, rows, gradients, biasGradients)
    precondition(vectorSums.columns == vectors.rows && biasSums.columns == vectors.rows, "two sums for every row")
    unsafe withGradients(rows, gradients, biasGradients) { slopes in
        var table = unsafe kn_row_table(
            vectors: vectors.pointer(0), stride: vectors.stride, columns: vectors.columns, biases: biases.pointer(0),
            normalizing: normalizing)
        unsafe kn_adagrad_rows_f32(&table, vectorSums.pointer(0), biasSums.pointer(0), slopes, decay, rate, epsilon)
    }
}

/// One step of Adam on some rows of a table and their biases, each row named once, by its own count of steps.
///
/// - Parameters:
///   - vectors: [V x D]; `biases` and `updates`: [1 x V].
///   - first, second: [V x (D + 1)], the bias's moments last.
///   - gradients: [at least N x D]; `biasGradients`: at least N.
///   - normalizing: the vectors are brought back to length one.
public func adamUpdate(
    vectors: inout Matrix, biases: inout Matrix, first: inout Matrix, second: inout Matrix, updates: inout Matrix,
    rows: Span<Int32>, gradients: borrowing Matrix, biasGradients: Span<Float>, rate: Float, constants: AdamConstants,
    normalizing: Bool
) {
    check(vectors, biases, rows, gradients, biasGradients)
    precondition(
        first.rows == vectors.rows && second.rows == vectors.rows && updates.columns == vectors.rows
            && first.columns == vectors.columns + 1 && second.columns == vectors.columns + 1, "moments for every row")
    unsafe withGradients(rows, gradients, biasGradients) { slopes in
        var table = unsafe kn_row_table(
            vectors: vectors.pointer(0), stride: vectors.stride, columns: vectors.columns, biases: biases.pointer(0),
            normalizing: normalizing)
        var moments = unsafe kn_row_moments(
            first: first.pointer(0), second: second.pointer(0), stride: first.stride, updates: updates.pointer(0))
        unsafe kn_adam_rows_f32(&table, &moments, slopes, rate, constants.beta1, constants.beta2, constants.epsilon)
    }
}

private func check(
    _ vectors: borrowing Matrix, _ biases: borrowing Matrix, _ rows: Span<Int32>, _ gradients: borrowing Matrix,
    _ biasGradients: Span<Float>
) {
    precondition(biases.columns == vectors.rows && gradients.columns == vectors.columns, "rows of one width, and biases")
    precondition(rows.count <= gradients.rows && rows.count <= biasGradients.count, "a gradient for every row")
    for place in rows.indices { precondition(rows[place] >= 0 && Int(rows[place]) < vectors.rows, "the row is in the table") }
}

private func withGradients(
    _ rows: Span<Int32>, _ gradients: borrowing Matrix, _ biasGradients: Span<Float>,
    _ body: (UnsafePointer<kn_row_gradients>) -> Void
) {
    let (vectors, stride) = unsafe (gradients.pointer(0), gradients.stride)
    unsafe rows.withUnsafeBufferPointer { rows in
        unsafe biasGradients.withUnsafeBufferPointer { biases in
            guard rows.count > 0 else { return }
            var slopes = unsafe kn_row_gradients(
                rows: rows.baseAddress, vectors: vectors, stride: stride, biases: biases.baseAddress, count: rows.count)
            unsafe body(&slopes)
        }
    }
}
