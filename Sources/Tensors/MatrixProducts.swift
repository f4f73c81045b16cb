internal import CKernels

// m, n, k = rows and columns in use; a matrix may be larger than what is used of it

/// How the factors of a product are read.
public enum Precision: Sendable {
    case float
    /// Rounded to bfloat16, eight bits, where the processor multiplies those faster and there is enough to multiply; sums
    /// are float. For the products of training, where each result is one of many that add up.
    case rounded

    /// Rows of C, and products, from which on rounding pays: below, as much is rounded as multiplied.
    private static let rowsMin = 8
    private static let productsMin = 40_000

    func rounds(_ m: Int, _ n: Int, _ k: Int) -> Bool {
        self == .rounded && m >= Self.rowsMin && m * n * k >= Self.productsMin
    }
}

/// Up to this many rows are multiplied one by one with rows: a tile of so few hides no latency.
private let vectorRowsMax = 2

/// C[m x n] = A[m x k] · B[n x k]ᵀ for some rows of A and C, or C += where accumulating. k is the width of
/// A and B.
public func multiplyNT(
    _ a: borrowing Matrix, rows m: Range<Int>, _ b: borrowing Matrix, rows n: Int, into c: inout Matrix,
    accumulating: Bool
) {
    precondition(
        a.columns == b.columns && m.upperBound <= a.rows && n <= b.rows && m.upperBound <= c.rows && n <= c.columns,
        "A [m x k], B [n x k], C [m x n]")
    guard !m.isEmpty, n > 0 else { return }
    if !accumulating { c.fill(0, rows: m) }
    guard m.count > vectorRowsMax else {
        for row in m { unsafe kn_gemv_f32(b.pointer(0), b.stride, a.pointer(row), c.pointer(row), n, a.columns) }
        return
    }
    unsafe kn_gemm_nt_f32(
        a.pointer(m.lowerBound), a.stride, b.pointer(0), b.stride, c.pointer(m.lowerBound), c.stride, m.count, n, a.columns)
}

/// C[m x n] = A[m x k] · B[k x n] for some rows of A and C, or C += where accumulating. n is the width of B
/// and C; the first k columns of A are used.
public func multiplyNN(
    _ a: borrowing Matrix, rows m: Range<Int>, _ b: borrowing Matrix, rows k: Int, into c: inout Matrix,
    accumulating: Bool, precision: Precision = .float
) {
    precondition(
        k <= a.columns && m.upperBound <= a.rows && k <= b.rows && m.upperBound <= c.rows && b.columns == c.columns,
        "A [m x k], B [k x n], C [m x n]")
    guard !m.isEmpty, k > 0 else { return }
    let (left, right, result) = unsafe (a.pointer(m.lowerBound), b.pointer(0), c.pointer(m.lowerBound))
    if precision.rounds(m.count, b.columns, k) {
        unsafe kn_gemm_bf16(left, a.stride, 1, right, b.stride, result, c.stride, m.count, b.columns, k, accumulating)
    } else {
        unsafe kn_gemm_f32(left, a.stride, 1, right, b.stride, result, c.stride, m.count, b.columns, k, accumulating)
    }
}

/// C[k x n] = A[m x k]ᵀ · B[m x n], or C += where accumulating. n is the width of B and C; the first k
/// columns of A are used.
public func multiplyTN(
    _ a: borrowing Matrix, columns k: Int, _ b: borrowing Matrix, rows m: Int, into c: inout Matrix,
    accumulating: Bool, precision: Precision = .float
) {
    precondition(
        k <= a.columns && m <= a.rows && m <= b.rows && k <= c.rows && b.columns == c.columns,
        "A [m x k], B [m x n], C [k x n]")
    guard m > 0, k > 0 else { return }
    let (left, right, result) = unsafe (a.pointer(0), b.pointer(0), c.pointer(0))
    if precision.rounds(m, b.columns, k) {
        unsafe kn_gemm_bf16(left, 1, a.stride, right, b.stride, result, c.stride, k, b.columns, m, accumulating)
    } else {
        unsafe kn_gemm_f32(left, 1, a.stride, right, b.stride, result, c.stride, k, b.columns, m, accumulating)
    }
}

/// B = Aᵀ for the first rows of A: B has at least as many columns, and as many rows as A has columns.
public func transpose(_ a: borrowing Matrix, rows: Int, into b: inout Matrix) {
    precondition(rows <= a.rows && rows <= b.columns && a.columns == b.rows, "A [rows x columns], B [columns x rows]")
    guard rows > 0 else { return }
    unsafe kn_transpose_f32(a.pointer(0), a.stride, b.pointer(0), b.stride, rows, a.columns)
}
