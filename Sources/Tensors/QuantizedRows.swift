internal import CKernels

/// Rows of int8 with a scale a row, in the order of their columns: what is kept of floats that are read again a row at a
/// time. The error of a value is at most half of its row's scale, which is max|x| / 127.
///
/// Storing changes memory behind a value that others may read: threads that share one write and read different rows.
@safe public struct QuantizedRows: ~Copyable {
    public let capacity: Int
    public let columns: Int
    /// Bytes from one row to the next.
    let stride: Int
    private let memory: ReservedMemory<Int8>
    private let rowScales: ReservedMemory<Float>

    private static let paddingUnit = 16

    public init(capacity: Int, columns: Int) {
        precondition(capacity > 0 && columns > 0, "there is a row, and it has a column")
        self.capacity = capacity
        self.columns = columns
        stride = (columns + Self.paddingUnit - 1) / Self.paddingUnit * Self.paddingUnit
        memory = ReservedMemory(count: capacity * stride)
        rowScales = ReservedMemory(count: capacity)
    }

    /// Bytes that a row takes.
    public static func rowBytes(columns: Int) -> Int {
        (columns + paddingUnit - 1) / paddingUnit * paddingUnit + MemoryLayout<Float>.size
    }

    /// Quantizes rows of a matrix into as many rows from `first` on.
    ///
    /// - Throws: `TensorError.notFinite`; the rows before that one are then stored.
    public func store(_ source: borrowing Matrix, rows: Range<Int>, from first: Int) throws(TensorError) {
        precondition(
            source.columns == columns && rows.upperBound <= source.rows && first + rows.count <= capacity,
            "rows of one width, and room for them")
        for (place, row) in rows.enumerated() {
            var made = unsafe kn_packed_query(values: pointer(first + place), correction: 0, scale: 1)
            guard unsafe kn_quantize_rows_f32i8(source.pointer(row), source.stride, 1, columns, &made) == 1 else {
                throw .notFinite(row: row)
            }
            unsafe rowScales.start[first + place] = made.scale
        }
    }

    /// Overwrites rows with zeros.
    public func clear(_ rows: Range<Int>) {
        guard !rows.isEmpty else { return }
        precondition(rows.upperBound <= capacity, "the rows are there")
        unsafe pointer(rows.lowerBound).update(repeating: 0, count: rows.count * stride)
        unsafe (rowScales.start + rows.lowerBound).update(repeating: 0, count: rows.count)
    }

    /// The value at a row and column, for tests.
    func value(_ row: Int, _ column: Int) -> Float {
        precondition(column >= 0 && column < columns, "the column is there")
        return unsafe scales(row)[0] * Float(pointer(row)[column])
    }

    /// Where a row starts. Stays within this module.
    func pointer(_ row: Int) -> UnsafeMutablePointer<Int8> {
        precondition(row >= 0 && row < capacity, "the row is there")
        return unsafe memory.start + row * stride
    }

    /// The scale of a row, and of those behind it.
    func scales(_ row: Int) -> UnsafeMutablePointer<Float> {
        precondition(row >= 0 && row < capacity, "the row is there")
        return unsafe rowScales.start + row
    }
}
