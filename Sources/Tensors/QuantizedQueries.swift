internal import CKernels

/// Queries for a `QuantizedTable`: a few rows of int8, each value round(x / scale) with
/// scale = max|x| / 127.
@safe public struct QuantizedQueries: ~Copyable {
    public let columns: Int
    /// Queries that it holds.
    public let capacity: Int
    /// [capacity x width], padded with zeros to whole groups of columns.
    private let memory: ReservedMemory<Int8>
    private let width: Int
    /// One a query: what CKernels reads, `values` pointing into `memory`.
    let kernelQueries: ReservedMemory<kn_packed_query>

    /// What a scan finds, [capacity x scanRows], and how much, with the threshold of each query.
    let foundRows: ReservedMemory<UInt32>
    let foundScores: ReservedMemory<Float>
    let foundCounts: ReservedMemory<Int>
    let thresholds: ReservedMemory<Float>

    /// Rows between two looks at the thresholds, at most.
    static let scanRows = 1024
    /// The most queries that one scan of a table answers.
    public static let scanMax = 32
    /// The most queries that a kernel holds in registers.
    static let kernelMax = Int(KN_QUERIES_MAX)

    public init(capacity: Int, columns: Int) {
        precondition(capacity > 0 && columns > 0, "there is a query, and it has a column")
        self.capacity = capacity
        self.columns = columns
        width = QuantizedTable.groups(columns) * QuantizedTable.groupColumns
        memory = ReservedMemory(count: capacity * width)
        unsafe kernelQueries = ReservedMemory(count: capacity)
        foundRows = ReservedMemory(count: capacity * Self.scanRows)
        foundScores = ReservedMemory(count: capacity * Self.scanRows)
        foundCounts = ReservedMemory(count: capacity)
        thresholds = ReservedMemory(count: capacity)
        for slot in 0..<capacity {
            unsafe kernelQueries.start[slot] = kn_packed_query(
                values: memory.start + slot * width, correction: 0, scale: 1)
        }
    }

    /// The scale of a query.
    public func scale(_ slot: Int) -> Float {
        precondition(slot >= 0 && slot < capacity, "the query is there")
        return unsafe kernelQueries.start[slot].scale
    }

    /// Makes query `slot` of one row of a matrix.
    ///
    /// - Throws: `TensorError.notFinite`; the query is then as it was.
    public mutating func quantize(_ source: borrowing Matrix, row: Int, into slot: Int) throws(TensorError) {
        precondition(source.columns == columns && slot >= 0 && slot < capacity, "a value for every column of a query")
        let start = unsafe source.pointer(row)
        let magnitude = unsafe kn_magnitude_f32(start, columns)
        guard magnitude.isFinite else { throw .notFinite(row: row) }
        let scale = QuantizedTable.scale(forMagnitude: magnitude)
        unsafe kn_quantize_f32i8(start, scale, values(slot), columns)
        finish(slot, scale: scale)
    }

    /// Makes query `slot` of a row that is quantized already.
    public mutating func copy(_ row: Int, of table: borrowing QuantizedTable, into slot: Int) {
        precondition(table.columns == columns && slot >= 0 && slot < capacity, "a value for every column of a query")
        unsafe table.unpackRow(row, into: values(slot))
        finish(slot, scale: table.scale(ofRow: row))
    }

    /// Scans a part of a table for queries `slot..<slot + count`; what each finds is in its part of
    /// `foundRows` and `foundScores`.
    func scan(_ table: UnsafePointer<kn_packed_table>, _ slot: Int, _ count: Int, _ first: Int, _ blocks: Int) {
        let place = slot * Self.scanRows
        if count == 1 {
            unsafe foundCounts.start[slot] = kn_scan_u8i8(
                table, kernelQueries.start + slot, first, blocks, thresholds.start[slot], foundRows.start + place,
                foundScores.start + place)
        } else {
            unsafe kn_scan_many_u8i8(
                table, kernelQueries.start + slot, count, first, blocks, thresholds.start + slot,
                foundRows.start + place, foundScores.start + place, Self.scanRows, foundCounts.start + slot)
        }
    }

    private func values(_ slot: Int) -> UnsafeMutablePointer<Int8> {
        unsafe memory.start + slot * width
    }

    private mutating func finish(_ slot: Int, scale: Float) {
        var sum: Int32 = 0
        for column in 0..<columns { unsafe sum &+= Int32(values(slot)[column]) }
        unsafe kernelQueries.start[slot].correction = 128 &* sum
        unsafe kernelQueries.start[slot].scale = scale
    }

    /// The value of a query at a column, for tests.
    func value(_ slot: Int, _ column: Int) -> Int8 { unsafe values(slot)[column] }
}
