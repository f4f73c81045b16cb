internal import CKernels

extension Matrix {
    /// Asks for a row to be brought near, because it will be read or changed soon.
    public func prefetchRow(_ row: Int) {
        unsafe kn_prefetch(pointer(row), columns * MemoryLayout<Float>.stride)
    }

    /// The same for one value.
    public func prefetch(row: Int, column: Int) {
        precondition(column >= 0 && column < columns, "the column is in the matrix")
        unsafe kn_prefetch(pointer(row) + column, MemoryLayout<Float>.stride)
    }

    /// The sum of all squares.
    public var squaredNorm: Float { unsafe kn_dot_f32(pointer(0), pointer(0), rows * stride) }

    /// Some rows *= the same of another matrix, value by value.
    public mutating func multiply(rows: Range<Int>, by factors: borrowing Matrix) {
        precondition(columns == factors.columns && rows.upperBound <= min(self.rows, factors.rows), "rows of one width")
        guard let first = rows.first else { return }
        unsafe kn_multiply_f32(pointer(first), factors.pointer(first), rows.count * stride)
    }

    /// Some rows += the same of another matrix.
    public mutating func add(_ other: borrowing Matrix, rows: Range<Int>) {
        precondition(columns == other.columns && rows.upperBound <= min(self.rows, other.rows), "rows of one width")
        guard let first = rows.first else { return }
        unsafe kn_axpy_f32(1, other.pointer(first), pointer(first), rows.count * stride)
    }

    /// Some rows += the products of the same rows of two others, value by value.
    public mutating func addProduct(_ left: borrowing Matrix, _ right: borrowing Matrix, rows: Range<Int>) {
        precondition(
            columns == left.columns && columns == right.columns && rows.upperBound <= min(self.rows, left.rows, right.rows),
            "rows of one width")
        guard let first = rows.first else { return }
        unsafe kn_add_product_f32(left.pointer(first), right.pointer(first), pointer(first), rows.count * stride)
    }

    /// Takes over some rows.
    public mutating func copy(_ source: borrowing Matrix, rows: Range<Int>) {
        precondition(columns == source.columns && rows.upperBound <= min(self.rows, source.rows), "rows of one width")
        guard let first = rows.first else { return }
        unsafe pointer(first).update(from: source.pointer(first), count: rows.count * stride)
    }

    /// Sets each value of some rows to 0 by chance, else to `kept`.
    ///
    /// - Parameters:
    ///   - state: that of a SplitMix64; it counts `columns` numbers a row.
    ///   - rate: the chance, in 0...1; what is compared with it are numbers of 24 bits.
    public mutating func fillByChance(rows: Range<Int>, after state: UInt64, rate: Float, kept: Float) {
        precondition(rows.upperBound <= self.rows && rate >= 0 && rate <= 1, "rows of the matrix, and a chance")
        guard let first = rows.first else { return }
        let limit = UInt32((Double(rate) * 0x1p24).rounded(.up))
        if stride == columns {
            unsafe kn_dropout_mask_f32(state, limit, kept, pointer(first), rows.count * columns)
        } else {
            for row in rows {
                let drawn = UInt64((row - first) * columns) &* 0x9E37_79B9_7F4A_7C15
                unsafe kn_dropout_mask_f32(state &+ drawn, limit, kept, pointer(row), columns)
            }
        }
    }

    /// Some columns of a row, from `column` on, become a row of a narrower matrix.
    public mutating func copyRow(_ row: Int, column: Int, from source: borrowing Matrix, row sourceRow: Int) {
        precondition(column >= 0 && column + source.columns <= columns, "the columns are in the matrix")
        unsafe (pointer(row) + column).update(from: source.pointer(sourceRow), count: source.columns)
    }

    /// row += some columns of a row of a wider matrix, from `column` on.
    public mutating func addRow(_ row: Int, from source: borrowing Matrix, row sourceRow: Int, column: Int) {
        precondition(column >= 0 && column + columns <= source.columns, "the columns are in the matrix")
        unsafe kn_axpy_f32(1, source.pointer(sourceRow) + column, pointer(row), columns)
    }

    /// Sets some columns of a row.
    public mutating func fillRow(_ row: Int, columns range: Range<Int>, with value: Float) {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns, "the columns are in the matrix")
        unsafe (pointer(row) + range.lowerBound).update(repeating: value, count: range.count)
    }

    /// row = max(row, source[sourceRow]), value by value; of equal values the one that stands stays.
    public mutating func maximizeRow(_ row: Int, with source: borrowing Matrix, row sourceRow: Int) {
        precondition(columns == source.columns, "rows of one width")
        withMutableRow(row) { values in
            source.withRow(sourceRow) { others in
                for column in 0..<values.count { values[column] = others[column] > values[column] ? others[column] : values[column] }
            }
        }
    }
}
