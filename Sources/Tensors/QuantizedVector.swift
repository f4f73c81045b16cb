internal import CKernels

/// A query for a `QuantizedTable`: each value as u8 = round(x / scale) + 128, with scale = max|x| / 127.
@safe public struct QuantizedVector: ~Copyable {
    public let columns: Int
    public private(set) var scale: Float = 1
    /// Padded with 128, which stands for zero, to whole groups of columns.
    let memory: ReservedMemory<UInt8>

    public init(columns: Int) {
        precondition(columns > 0, "a vector has a column")
        self.columns = columns
        memory = ReservedMemory(count: QuantizedTable.groups(columns) * Int(KN_GROUP_COLUMNS))
    }

    /// Takes over one row of a matrix.
    ///
    /// - Throws: `TensorError.notFinite`; the scale is then as it was.
    public mutating func quantize(_ source: borrowing Matrix, row: Int) throws(TensorError) {
        precondition(source.columns == columns, "a value for every column")
        let bytes = unsafe memory.start
        let padded = memory.count
        let start = unsafe source.pointer(row)
        let magnitude = unsafe kn_magnitude_f32(start, columns)
        guard magnitude.isFinite else { throw .notFinite(row: row) }
        scale = QuantizedTable.scale(forMagnitude: magnitude)
        unsafe bytes.withMemoryRebound(to: Int8.self, capacity: padded) { signed in
            unsafe kn_quantize_f32i8(start, scale, signed, columns)
        }
        for column in 0..<padded {
            // Flipping the sign bit adds 128.
            unsafe bytes[column] = column < columns ? bytes[column] ^ 0x80 : 0x80
        }
    }
}
