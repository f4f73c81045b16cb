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
