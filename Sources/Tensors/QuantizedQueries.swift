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

    /// The list of each query while a table is scanned, [capacity x TopK.capacityMax].
    private let listScores: ReservedMemory<Float>
    private let listNames: ReservedMemory<UInt32>
    private let lists: ReservedMemory<kn_top_list>

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
        listScores = ReservedMemory(count: capacity * TopK.capacityMax)
        listNames = ReservedMemory(count: capacity * TopK.capacityMax)
        unsafe lists = ReservedMemory(count: capacity)
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
        let made = unsafe kn_quantize_rows_f32i8(source.pointer(row), source.stride, 1, columns, kernelQueries.start + slot)
        if made == 0 { throw .notFinite(row: row) }
    }

    /// Makes the first queries of some rows of a matrix, in their order.
    ///
    /// - Throws: `TensorError.notFinite`; the queries before that row are then made.
    public mutating func quantize(_ source: borrowing Matrix, rows: Range<Int>) throws(TensorError) {
        precondition(
            source.columns == columns && rows.count <= capacity && rows.upperBound <= source.rows,
            "a value for every column of a query")
        guard let first = rows.first else { return }
        let made = unsafe kn_quantize_rows_f32i8(
            source.pointer(first), source.stride, rows.count, columns, kernelQueries.start)
        if made < rows.count { throw .notFinite(row: first + made) }
    }

    /// Makes query `slot` of a row that is quantized already.
    public mutating func copy(_ row: Int, of table: borrowing QuantizedTable, into slot: Int) {
        precondition(table.columns == columns && slot >= 0 && slot < capacity, "a value for every column of a query")
        unsafe table.unpackRow(row, into: values(slot))
        finish(slot, scale: table.scale(ofRow: row))
    }

    /// The length of a query as it was quantized.
    public func norm(_ slot: Int) -> Float {
        precondition(slot >= 0 && slot < capacity, "the query is there")
        var sum: Int32 = 0
        let start = unsafe values(slot)
        for column in 0..<columns { unsafe sum &+= Int32(start[column]) &* Int32(start[column]) }
        return Float(sum).squareRoot() * scale(slot)
    }

    /// Makes `list` the list that rows are offered to for a query, up to `end`.
    public func begin(_ list: borrowing TopK, _ slot: Int) {
        precondition(slot >= 0 && slot < capacity, "the query is there")
        load(list, slot)
    }

    /// What a row must score to be taken into the list of a query that has begun.
    public func threshold(_ slot: Int) -> Float {
        precondition(slot >= 0 && slot < capacity, "the query is there")
        let list = unsafe lists.start[slot]
        return unsafe list.scores[list.limit - 1]
    }

    /// Takes the list of a query back.
    public func end(_ slot: Int, into list: inout TopK) {
        precondition(slot >= 0 && slot < capacity, "the query is there")
        let limit = unsafe lists.start[slot].limit
        precondition(limit == list.limit, "the list that began")
        store(slot, into: &list)
    }

    /// Begins an empty list of a query, for scans.
    func begin(limit: Int, _ slot: Int) {
        let place = slot * TopK.capacityMax
        for offset in 0..<(limit + TopK.unit - 1) / TopK.unit * TopK.unit { unsafe listScores.start[place + offset] = -.infinity }
        unsafe lists.start[slot] = kn_top_list(
            scores: listScores.start + place, names: listNames.start + place, limit: limit)
    }

    /// Makes `list` the list of a query, for scans.
    func load(_ list: borrowing TopK, _ slot: Int) {
        let place = slot * TopK.capacityMax
        unsafe list.copy(scores: listScores.start + place, names: listNames.start + place)
        unsafe lists.start[slot] = kn_top_list(
            scores: listScores.start + place, names: listNames.start + place, limit: list.limit)
    }

    /// What the scans have made of a query's list.
    func store(_ slot: Int, into list: inout TopK) {
        let place = slot * TopK.capacityMax
        unsafe list.take(scores: listScores.start + place, names: listNames.start + place)
    }

    /// Offers a part of a table to the lists of queries `slot..<slot + count`.
    func scan(_ table: UnsafePointer<kn_packed_table>, _ slot: Int, _ count: Int, _ first: Int, _ blocks: Int) {
        let (queries, lists) = unsafe (kernelQueries.start + slot, lists.start + slot)
        if count == 1 {
            unsafe kn_top_u8i8(table, queries, first, blocks, lists)
        } else {
            unsafe kn_top_many_u8i8(table, queries, count, first, blocks, lists)
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
