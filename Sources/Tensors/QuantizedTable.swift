internal import CKernels

/// Rows of int8 with a scale and a float bias a row: the items as they are served, or the weights of
/// an encoder.
///
/// `score(row, q) = rowScale · queryScale · Σ wᵢ qᵢ + bias`. Quantization is symmetric: the error of a
/// value is at most half of its row's scale, which is max|w| / 127. Rows are packed as the kernels
/// read them (see CKernels.h); memory is committed as rows come into use.
@safe public struct QuantizedTable: ~Copyable {
    public let capacity: Int
    public let columns: Int
    /// Rows in use: one more than the highest that was ever set.
    public private(set) var count = 0

    private let values: ReservedMemory<Int8>
    private let rowScales: ReservedMemory<Float>
    private let corrections: ReservedMemory<Int32>
    private let biases: ReservedMemory<Float>
    /// One row, before it is packed.
    private let row: ReservedMemory<Int8>

    static let blockRows = Int(KN_BLOCK_ROWS)
    static let groupColumns = Int(KN_GROUP_COLUMNS)
    /// Blocks between two looks at the threshold: 1024 rows.
    private static let chunkBlocks = 64

    public init(capacity: Int, columns: Int) {
        precondition(capacity > 0 && columns > 0, "a table has a row and a column")
        self.capacity = capacity
        self.columns = columns
        let rows = (capacity + Self.blockRows - 1) / Self.blockRows * Self.blockRows
        let width = Self.groups(columns) * Self.groupColumns
        values = ReservedMemory(count: rows * width)
        rowScales = ReservedMemory(count: rows)
        corrections = ReservedMemory(count: rows)
        biases = ReservedMemory(count: rows)
        row = ReservedMemory(count: width)
    }

    static func groups(_ columns: Int) -> Int { (columns + groupColumns - 1) / groupColumns }

    /// A row of zeros has scale 1, so that nothing is divided by zero.
    static func scale(forMagnitude magnitude: Float) -> Float {
        // The smallest magnitudes would make a scale whose inverse overflows.
        magnitude < 1e-30 ? 1 : magnitude / 127
    }

    /// Quantizes a row of `source` into row `index`; it is scored from now on.
    ///
    /// - Throws: `TensorError.notFinite`; the row is then as it was.
    public mutating func setRow(
        _ index: Int, from source: borrowing Matrix, sourceRow: Int, bias: Float
    ) throws(TensorError) {
        precondition(index >= 0 && index < capacity && source.columns == columns, "the row fits the table")
        let start = unsafe source.pointer(sourceRow)
        let magnitude = unsafe kn_magnitude_f32(start, columns)
        guard magnitude.isFinite, bias.isFinite else { throw .notFinite(row: index) }
        let scale = Self.scale(forMagnitude: magnitude)
        unsafe kn_quantize_f32i8(start, scale, row.start, columns)
        openBlocks(through: index)
        packRow(index)
        unsafe rowScales.start[index] = scale
        unsafe biases.start[index] = bias
    }

    /// Takes a row out of every ranking, until it is set again.
    public mutating func removeRow(_ index: Int) {
        precondition(index >= 0 && index < count, "the row is in use")
        unsafe biases.start[index] = -.infinity
    }

    /// The values of a row, as near as int8 tells.
    public func dequantizeRow(_ index: Int, into target: inout MutableSpan<Float>) {
        precondition(index >= 0 && index < count && target.count == columns, "the row is in use")
        let scale = unsafe rowScales.start[index]
        let start = unsafe values.start + offset(of: index)
        for column in 0..<columns {
            let place = column / Self.groupColumns * Self.blockRows * Self.groupColumns + column % Self.groupColumns
            target[column] = unsafe Float(start[place]) * scale
        }
    }

    /// The scores of all rows in use.
    ///
    /// - Parameter result: [count]
    public func scores(_ query: borrowing QuantizedVector, into result: inout MutableSpan<Float>) {
        precondition(query.columns == columns && result.count == count, "a score for every row")
        precondition(count % Self.blockRows == 0, "whole blocks")
        var table = unsafe kernelTable
        let blocks = count / Self.blockRows
        let (bytes, scale) = unsafe (query.memory.start, query.scale)
        unsafe result.withUnsafeMutableBufferPointer { result in
            guard let start = result.baseAddress else { return }
            unsafe kn_score_u8i8(&table, bytes, scale, 0, blocks, start)
        }
    }

    /// The best rows for `query`, exactly, into `result`, up to its limit.
    public func topK(_ query: borrowing QuantizedVector, into result: inout TopK) {
        precondition(query.columns == columns, "the query is as wide as the table")
        var table = unsafe kernelTable
        let blocks = (count + Self.blockRows - 1) / Self.blockRows
        unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Self.chunkBlocks * Self.blockRows) { rows in
            unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.chunkBlocks * Self.blockRows) { scores in
                guard let rowStart = rows.baseAddress, let scoreStart = scores.baseAddress else { return }
                var first = 0
                while first < blocks {
                    let chunk = min(Self.chunkBlocks, blocks - first)
                    let found = unsafe kn_scan_u8i8(
                        &table, query.memory.start, query.scale, first, chunk, result.threshold, rowStart, scoreStart)
                    for place in 0..<found {
                        unsafe result.insert(index: Int(rows[place]), score: scores[place])
                    }
                    first += chunk
                }
            }
        }
    }

    private var kernelTable: kn_packed_table {
        unsafe kn_packed_table(
            values: values.start, row_scales: rowScales.start, corrections: corrections.start, biases: biases.start,
            groups: Self.groups(columns))
    }

    /// Where the first value of a row stands.
    private func offset(of index: Int) -> Int {
        let blockBytes = Self.groups(columns) * Self.groupColumns * Self.blockRows
        return index / Self.blockRows * blockBytes + index % Self.blockRows * Self.groupColumns
    }

    /// Brings the blocks up to that of `index` into use: rows nobody has set score -∞.
    private mutating func openBlocks(through index: Int) {
        let opened = (count + Self.blockRows - 1) / Self.blockRows * Self.blockRows
        let needed = (index / Self.blockRows + 1) * Self.blockRows
        if needed > opened {
            for row in opened..<needed { unsafe biases.start[row] = -.infinity }
        }
        count = max(count, index + 1)
    }

    /// Moves the quantized row into its places, and sums it for the unsigned query.
    private mutating func packRow(_ index: Int) {
        let start = unsafe values.start + offset(of: index)
        let blockStride = Self.blockRows * Self.groupColumns
        var sum: Int32 = 0
        for group in 0..<Self.groups(columns) {
            for column in 0..<Self.groupColumns {
                let value = unsafe row.start[group * Self.groupColumns + column]
                unsafe start[group * blockStride + column] = value
                sum &+= Int32(value)
            }
        }
        unsafe corrections.start[index] = 128 &* sum
    }
}
