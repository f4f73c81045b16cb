internal import CKernels

// m, n, k = rows and columns in use; a matrix may be larger than what is used of it

/// C[m x n] = A[m x k] · B[n x k]ᵀ, or C += where accumulating. k is the width of A and B.
public func multiplyNT(
    _ a: borrowing Matrix, rows m: Int, _ b: borrowing Matrix, rows n: Int, into c: inout Matrix, accumulating: Bool
) {
    precondition(
        a.columns == b.columns && m <= a.rows && n <= b.rows && m <= c.rows && n <= c.columns,
        "A [m x k], B [n x k], C [m x n]")
    guard m > 0, n > 0 else { return }
    if !accumulating { c.fill(0, rows: 0..<m) }
    unsafe kn_gemm_nt_f32(a.pointer(0), a.stride, b.pointer(0), b.stride, c.pointer(0), c.stride, m, n, a.columns)
}

/// C[m x n] = A[m x k] · B[k x n], or C += where accumulating. n is the width of B and C; the first k
/// columns of A are used.
public func multiplyNN(
    _ a: borrowing Matrix, rows m: Int, _ b: borrowing Matrix, rows k: Int, into c: inout Matrix, accumulating: Bool
) {
    precondition(
        k <= a.columns && m <= a.rows && k <= b.rows && m <= c.rows && b.columns == c.columns,
        "A [m x k], B [k x n], C [m x n]")
    guard m > 0, k > 0 else { return }
    if !accumulating { c.fill(0, rows: 0..<m) }
    unsafe kn_gemm_f32(
        a.pointer(0), a.stride, 1, b.pointer(0), b.stride, c.pointer(0), c.stride, m, b.columns, k)
}

/// C[k x n] = A[m x k]ᵀ · B[m x n], or C += where accumulating. n is the width of B and C; the first k
/// columns of A are used.
public func multiplyTN(
    _ a: borrowing Matrix, columns k: Int, _ b: borrowing Matrix, rows m: Int, into c: inout Matrix,
    accumulating: Bool
) {
    precondition(
        k <= a.columns && m <= a.rows && m <= b.rows && k <= c.rows && b.columns == c.columns,
        "A [m x k], B [m x n], C [k x n]")
    guard m > 0, k > 0 else { return }
    if !accumulating { c.fill(0, rows: 0..<k) }
    unsafe kn_gemm_f32(
        a.pointer(0), 1, a.stride, b.pointer(0), b.stride, c.pointer(0), c.stride, k, b.columns, m)
}
