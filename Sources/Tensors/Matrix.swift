internal import CKernels

/// A [rows x columns] matrix of floats, zero at first.
///
/// Row-major; each row starts on 64 bytes and is padded with zeros to a multiple of 16 floats, which
/// the kernels rely on. Memory is committed as rows are first touched.
@safe public struct Matrix: ~Copyable {
    public let rows: Int
    public let columns: Int
    /// Floats from one row to the next.
    @usableFromInline let stride: Int
    @usableFromInline let memory: ReservedMemory<Float>

    /// Floats in the unit that rows are padded to.
    static let paddingUnit = 16

    public init(rows: Int, columns: Int) {
        precondition(rows > 0 && columns > 0, "a matrix has a row and a column")
        self.rows = rows
        self.columns = columns
        stride = (columns + Self.paddingUnit - 1) / Self.paddingUnit * Self.paddingUnit
        memory = ReservedMemory(count: rows * stride)
    }

    // Inlinable, as what follows: a value at a time is read and written where calls would cost more than the work.

    /// Where `row` starts. Stays within this module.
    @inlinable
    func pointer(_ row: Int) -> UnsafeMutablePointer<Float> {
        precondition(row >= 0 && row < rows, "the row is in the matrix")
        return unsafe memory.start + row * stride
    }

    /// Reads one row of `columns` floats.
    @inlinable
    public func withRow<Result>(_ row: Int, _ body: (Span<Float>) -> Result) -> Result {
        unsafe body(Span(_unsafeStart: pointer(row), count: columns))
    }

    /// Changes one row of `columns` floats.
    @inlinable
    public mutating func withMutableRow<Result>(_ row: Int, _ body: (inout MutableSpan<Float>) -> Result) -> Result {
        var span = unsafe MutableSpan(_unsafeStart: pointer(row), count: columns)
        return body(&span)
    }

    @inlinable
    public subscript(row: Int, column: Int) -> Float {
        get {
            precondition(column >= 0 && column < columns, "the column is in the matrix")
            return unsafe pointer(row)[column]
        }
        set {
            precondition(column >= 0 && column < columns, "the column is in the matrix")
            unsafe pointer(row)[column] = newValue
        }
    }

    /// Sets every value of `rows`; the padding stays zero.
    public mutating func fill(_ value: Float, rows: Range<Int>) {
        guard value != 0 else { return clear(rows) }
        for row in rows { unsafe pointer(row).update(repeating: value, count: columns) }
    }

    private mutating func clear(_ rows: Range<Int>) {
        guard !rows.isEmpty else { return }
        precondition(rows.upperBound <= self.rows, "the rows are in the matrix")
        unsafe pointer(rows.lowerBound).update(repeating: 0, count: rows.count * stride)
    }

    public mutating func copyRow(_ row: Int, from source: borrowing Matrix, row sourceRow: Int) {
        precondition(columns == source.columns, "rows of one width")
        unsafe pointer(row).update(from: source.pointer(sourceRow), count: columns)
    }

    /// Takes over every value of a matrix of the same shape.
    public mutating func copy(_ source: borrowing Matrix) {
        precondition(rows == source.rows && columns == source.columns, "matrices of one shape")
        for row in 0..<rows { copyRow(row, from: source, row: row) }
    }

    /// row += scale · source[sourceRow]
    public mutating func addRow(_ row: Int, from source: borrowing Matrix, row sourceRow: Int, scale: Float) {
        precondition(columns == source.columns, "rows of one width")
        unsafe kn_axpy_f32(scale, source.pointer(sourceRow), pointer(row), columns)
    }

    /// row += a row of each of three others, one after another.
    public mutating func addRow(
        _ row: Int, from first: borrowing Matrix, row firstRow: Int, _ second: borrowing Matrix, row secondRow: Int,
        _ third: borrowing Matrix, row thirdRow: Int
    ) {
        precondition(
            columns == first.columns && columns == second.columns && columns == third.columns, "rows of one width")
        unsafe kn_add_three_f32(
            first.pointer(firstRow), second.pointer(secondRow), third.pointer(thirdRow), pointer(row), columns)
    }

    /// row += scale · otherRow, both of this matrix and not the same.
    public mutating func addRow(_ row: Int, fromRow otherRow: Int, scale: Float) {
        precondition(row != otherRow, "two rows")
        unsafe kn_axpy_f32(scale, pointer(otherRow), pointer(row), columns)
    }

    /// Brings a row to length one; one of zeros stays.
    ///
    /// - Returns: what it was multiplied with.
    @discardableResult
    public mutating func normalizeRow(_ row: Int) -> Float {
        unsafe kn_normalize_f32(pointer(row), 1, pointer(row), columns)
    }

    /// row = source[sourceRow], brought to `length` unless that is nil; one of zeros stays zero.
    ///
    /// - Returns: what it was multiplied with.
    public mutating func take(_ row: Int, of source: borrowing Matrix, row sourceRow: Int, length: Float?) -> Float {
        guard let length else {
            copyRow(row, from: source, row: sourceRow)
            return 1
        }
        precondition(columns == source.columns, "rows of one width")
        return unsafe kn_normalize_f32(source.pointer(sourceRow), length, pointer(row), columns)
    }

    /// The gradient of `take`: row += scale · (g - (g·d) d / |d|²), or scale · g where the length is nil.
    ///
    /// - Parameters:
    ///   - gradient: g is its row `gradientRow`.
    ///   - directions: d is its row `directionRow`, of length `length`.
    ///   - scale: what the vector was multiplied with.
    public mutating func addTangent(
        _ row: Int, of gradient: borrowing Matrix, row gradientRow: Int, at directions: borrowing Matrix,
        row directionRow: Int, length: Float?, scale: Float
    ) {
        precondition(columns == gradient.columns && columns == directions.columns, "rows of one width")
        let shrink = length.map { 1 / ($0 * $0) } ?? 0
        unsafe kn_add_tangent_f32(
            gradient.pointer(gradientRow), directions.pointer(directionRow), shrink, scale, pointer(row), columns)
    }

    /// row *= scale
    public mutating func scaleRow(_ row: Int, by scale: Float) {
        withMutableRow(row) { values in
            for column in 0..<values.count { values[column] *= scale }
        }
    }

    /// row *= source[sourceRow], value by value
    public mutating func multiplyRow(_ row: Int, by source: borrowing Matrix, row sourceRow: Int) {
        precondition(columns == source.columns, "rows of one width")
        withMutableRow(row) { values in
            source.withRow(sourceRow) { factors in
                for column in 0..<values.count { values[column] *= factors[column] }
            }
        }
    }

    /// y = A x, or y += A x.
    ///
    /// - Parameters:
    ///   - x: [columns]
    ///   - y: [rows]
    public func multiply(_ x: Span<Float>, into y: inout MutableSpan<Float>, accumulating: Bool) {
        precondition(x.count == columns && y.count == rows, "A [rows x columns], x [columns], y [rows]")
        if !accumulating { for index in 0..<y.count { y[index] = 0 } }
        let (matrix, stride, rows, columns) = unsafe (pointer(0), stride, rows, columns)
        unsafe x.withUnsafeBufferPointer { x in
            unsafe y.withUnsafeMutableBufferPointer { y in
                guard let x = x.baseAddress, let y = y.baseAddress else { return }
                unsafe kn_gemv_f32(matrix, stride, x, y, rows, columns)
            }
        }
    }

    /// y += Aᵀ x, with x [rows] and y [columns].
    public func multiplyTransposed(_ x: Span<Float>, addingTo y: inout MutableSpan<Float>) {
        precondition(x.count == rows && y.count == columns, "A [rows x columns], x [rows], y [columns]")
        let (matrix, stride, rows, columns) = unsafe (pointer(0), stride, rows, columns)
        unsafe x.withUnsafeBufferPointer { x in
            unsafe y.withUnsafeMutableBufferPointer { y in
                guard let x = x.baseAddress, let y = y.baseAddress else { return }
                unsafe kn_gemv_transposed_f32(matrix, stride, x, y, rows, columns)
            }
        }
    }
}
