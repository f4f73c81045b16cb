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
    public internal(set) var count = 0

    /// Blocks of 16 rows: values, then scales, then biases.
    let blocks: ReservedMemory<UInt8>
    /// As many rows as a block has, before they are packed, padded with zeros to whole groups.
    private let fresh: ReservedMemory<Int8>
    /// The scale of each.
    private let freshScales: ReservedMemory<kn_packed_query>

    static let blockRows = Int(KN_BLOCK_ROWS)
    /// Rows that are scored together: tables whose every row is scored come in multiples of it.
    public static let rowsUnit = blockRows
    static let groupColumns = Int(KN_GROUP_COLUMNS)
    /// Blocks that several rounds of queries read from the second-level cache, after the first brought them there.
    private static let sharedBlocks = 128

    public init(capacity: Int, columns: Int, pages: MemoryPages = .large) {
        precondition(capacity > 0 && columns > 0, "a table has a row and a column")
        self.capacity = capacity
        self.columns = columns
        let blockCount = (capacity + Self.blockRows - 1) / Self.blockRows
        blocks = ReservedMemory(count: blockCount * Self.blockBytes(columns), pages: pages)
        let width = Self.groups(columns) * Self.groupColumns
        fresh = ReservedMemory(count: Self.blockRows * width)
        unsafe freshScales = ReservedMemory(count: Self.blockRows)
        for row in 0..<Self.blockRows {
            unsafe freshScales.start[row] = kn_packed_query(values: fresh.start + row * width, correction: 0, scale: 1)
        }
    }

    static func groups(_ columns: Int) -> Int { (columns + groupColumns - 1) / groupColumns }

    /// Quantizes a row of `source` into row `index`; it is scored from now on.
    ///
    /// - Throws: `TensorError.notFinite`; the row is then as it was.
    public mutating func setRow(
        _ index: Int, from source: borrowing Matrix, sourceRow: Int, bias: Float
    ) throws(TensorError) {
        precondition(index >= 0 && index < capacity && source.columns == columns, "the row fits the table")
        let made = unsafe kn_quantize_rows_f32i8(source.pointer(sourceRow), source.stride, 1, columns, freshScales.start)
        guard made == 1, bias.isFinite else { throw .notFinite(row: index) }
        openBlocks(through: index)
        packRow(index)
        unsafe tail(of: index)[0] = freshScales.start[0].scale
        unsafe tail(of: index)[Self.blockRows] = bias
    }

    /// Asks for what a row's values and its scale stand in, and does not wait for it: they are a block's width apart.
    public func prefetchRow(_ index: Int) {
        guard index >= 0 && index < count else { return }
        let start = unsafe blocks.start + offset(of: index)
        for group in 0..<Self.groups(columns) { unsafe kn_prefetch(start + group * Self.groupBytes, 1) }
        unsafe kn_prefetch(tail(of: index), 1)
        unsafe kn_prefetch(tail(of: index) + Self.blockRows, 1)
    }

    /// Quantizes the first rows of `source` into every row of a table of whole blocks.
    ///
    /// - Parameter biases: [1 x at least capacity]
    /// - Throws: `TensorError.notFinite`; the blocks before that row are then new, the others as they were.
    public mutating func setRows(from source: borrowing Matrix, biases: borrowing Matrix) throws(TensorError) {
        precondition(capacity % Self.blockRows == 0, "whole blocks")
        precondition(
            source.columns == columns && source.rows >= capacity && biases.columns >= capacity, "the rows fit the table")
        let (groups, offsets) = unsafe (Self.groups(columns), biases.pointer(0))
        openBlocks(through: capacity - 1)
        for first in stride(from: 0, to: capacity, by: Self.blockRows) {
            let made = unsafe kn_quantize_rows_f32i8(
                source.pointer(first), source.stride, Self.blockRows, columns, freshScales.start)
            guard made == Self.blockRows else { throw .notFinite(row: first + made) }
            let tail = unsafe tail(of: first)
            for row in 0..<Self.blockRows {
                let bias = unsafe offsets[first + row]
                guard bias.isFinite else { throw .notFinite(row: first + row) }
                unsafe (tail[row], tail[Self.blockRows + row]) = (freshScales.start[row].scale, bias)
            }
            unsafe kn_pack_block(fresh.start, groups * Self.groupColumns, groups, blocks.start + offset(of: first))
        }
    }

    /// Takes a row out of every ranking, until it is set again.
    public mutating func removeRow(_ index: Int) {
        precondition(index >= 0 && index < count, "the row is in use")
        unsafe tail(of: index)[Self.blockRows] = -.infinity
    }

    /// Takes a row out of the rankings that follow, until ``showRow(_:bias:)``.
    ///
    /// - Returns: the row's bias.
    public mutating func hideRow(_ index: Int) -> Float {
        precondition(index >= 0 && index < count, "the row is in use")
        let bias = unsafe tail(of: index)[Self.blockRows]
        unsafe tail(of: index)[Self.blockRows] = -.infinity
        return bias
    }

    /// Brings a hidden row back.
    public mutating func showRow(_ index: Int, bias: Float) {
        precondition(index >= 0 && index < count, "the row is in use")
        unsafe tail(of: index)[Self.blockRows] = bias
    }

    /// The values of a row, as near as int8 tells, into the first of a target that may be wider.
    public func dequantizeRow(_ index: Int, into target: inout MutableSpan<Float>) {
        precondition(index >= 0 && index < count && target.count >= columns, "the row is in use")
        var table = unsafe kernelTable
        let columns = columns
        unsafe target.withUnsafeMutableBufferPointer { target in
            guard let start = target.baseAddress else { return }
            unsafe kn_dequantize_u8f32(&table, index, start, columns)
        }
    }

    /// The scale of a row in use.
    public func scale(ofRow index: Int) -> Float {
        precondition(index >= 0 && index < count, "the row is in use")
        return unsafe tail(of: index)[0]
    }

    /// The scores of all rows in use.
    ///
    /// - Parameter result: [count], a multiple of 16
    public func scores(_ queries: borrowing QuantizedQueries, _ slot: Int, into result: inout MutableSpan<Float>) {
        precondition(queries.columns == columns && result.count == count, "a score for every row")
        precondition(count % Self.blockRows == 0 && slot >= 0 && slot < queries.capacity, "whole blocks")
        var table = unsafe kernelTable
        let blocks = count / Self.blockRows
        let query = unsafe queries.kernelQueries.start + slot
        unsafe result.withUnsafeMutableBufferPointer { result in
            guard let start = result.baseAddress else { return }
            unsafe kn_score_u8i8(&table, query, 0, blocks, start)
        }
    }

    /// The scores of all rows in use for the first `queryCount` queries, each into a row of `result` from `first` on.
    ///
    /// - Parameter result: [at least first + queryCount x count], a multiple of 16 wide
    public func scores(
        _ queries: borrowing QuantizedQueries, count queryCount: Int, into result: inout Matrix, from first: Int
    ) {
        precondition(queries.columns == columns && result.columns == count, "a score for every row")
        precondition(
            count % Self.blockRows == 0 && queryCount <= min(queries.capacity, result.rows - first),
            "whole blocks, a row for each")
        guard queryCount > 0 else { return }
        var table = unsafe kernelTable
        unsafe kn_score_many_u8i8(
            &table, queries.kernelQueries.start, queryCount, 0, count / Self.blockRows, result.pointer(first),
            result.stride)
    }

    /// The scores of some rows in use, in any order: what a scan gives, bit for bit.
    ///
    /// - Parameter result: as many as `rows`.
    public func scores(
        of rows: Span<Int32>, _ queries: borrowing QuantizedQueries, _ slot: Int, into result: inout MutableSpan<Float>
    ) {
        precondition(queries.columns == columns && result.count == rows.count, "a score for every row")
        precondition(slot >= 0 && slot < queries.capacity, "the query is there")
        for place in rows.indices { precondition(rows[place] >= 0 && Int(rows[place]) < count, "the row is in use") }
        var table = unsafe kernelTable
        let query = unsafe queries.kernelQueries.start + slot
        unsafe rows.withUnsafeBytes { rows in
            unsafe result.withUnsafeMutableBufferPointer { result in
                guard let rows = unsafe rows.assumingMemoryBound(to: UInt32.self).baseAddress, let start = result.baseAddress else { return }
                unsafe kn_score_rows_u8i8(&table, query, rows, result.count, start)
            }
        }
    }

    /// The best rows for the first `queryCount` queries, exactly, each into its list of `lists`, up to that
    /// list's limit. The table is read once for all of them.
    public func topK(_ queries: borrowing QuantizedQueries, count queryCount: Int, into lists: inout [TopK]) {
        precondition(queries.columns == columns, "queries are as wide as the table")
        precondition(
            queryCount > 0 && queryCount <= min(queries.capacity, QuantizedQueries.scanMax) && lists.count >= queryCount,
            "a list for every query")
        raiseFloors(queries, count: queryCount, of: &lists)
        for query in 0..<queryCount { queries.load(lists[query], query) }
        scan(0..<blocksInUse, queries, 0..<queryCount)
        for query in 0..<queryCount {
            queries.store(query, into: &lists[query])
            // A sample can hold more than its share of the best; then the floor was too high.
            guard lists[query].hasFloor, lists[query].count < lists[query].limit else { continue }
            lists[query].removeAll(limit: lists[query].limit)
            queries.load(lists[query], query)
            scan(0..<blocksInUse, queries, query..<query + 1)
            queries.store(query, into: &lists[query])
        }
    }

    private var blocksInUse: Int { (count + Self.blockRows - 1) / Self.blockRows }

    /// Offers blocks to the lists that queries have begun.
    private func scan(_ blocks: Range<Int>, _ queries: borrowing QuantizedQueries, _ slots: Range<Int>) {
        var table = unsafe kernelTable
        let chunkMax = slots.count > QuantizedQueries.kernelMax ? Self.sharedBlocks : blocks.count
        var first = blocks.lowerBound
        while first < blocks.upperBound {
            let chunk = min(chunkMax, blocks.upperBound - first)
            for slot in stride(from: slots.lowerBound, to: slots.upperBound, by: QuantizedQueries.kernelMax) {
                unsafe queries.scan(&table, slot, min(QuantizedQueries.kernelMax, slots.upperBound - slot), first, chunk)
            }
            first += chunk
        }
    }

    /// Begins lists above what a thirty-second of the rows makes sure of but for one list in some hundreds. Most
    /// rows that stand in such a list for a while leave it again, and each costs as much as many that are passed over.
    private func raiseFloors(_ queries: borrowing QuantizedQueries, count queryCount: Int, of lists: inout [TopK]) {
        let slots = 0..<queryCount
        let limitMin = queryCount == 1 ? Self.sampledLimitMin.alone : Self.sampledLimitMin.together
        guard blocksInUse >= Self.sampledBlocksMin,
            slots.allSatisfy({ lists[$0].count == 0 && lists[$0].limit >= limitMin })
        else { return }
        for slot in slots { queries.begin(limit: Self.sampleLimit(lists[slot].limit), slot) }
        for first in stride(from: 0, to: blocksInUse - Self.sampleRun, by: Self.sampleRun * Self.sampleShare) {
            scan(first..<first + Self.sampleRun, queries, slots)
        }
        for slot in slots { lists[slot].begin(above: queries.threshold(slot).nextDown) }
    }

    /// One row of so many is in a sample, in runs of so many blocks: what one pass of a kernel takes.
    private static let sampleShare = 32
    private static let sampleRun = 4
    /// Below, a sample costs more than it saves.
    private static let sampledBlocksMin = 512
    private static let sampledLimitMin = (alone: 40, together: 16)

    /// How many of the sample's best are looked at: a thirty-second has 1.9 of a list of 60 on average, and hardly ever 7.
    private static func sampleLimit(_ limit: Int) -> Int {
        let expected = Float(limit) / Float(sampleShare)
        return Int(expected + 3.3 * expected.squareRoot() + 1)
    }

    var kernelTable: kn_packed_table {
        unsafe kn_packed_table(blocks: blocks.start, groups: Self.groups(columns), names: nil)
    }

    /// Bytes of one group of columns of a block.
    static let groupBytes = Int(KN_GROUP_BYTES)

    static func blockBytes(_ columns: Int) -> Int { groups(columns) * groupBytes + Int(KN_TAIL_BYTES) }

    /// Where the first value of a row stands.
    func offset(of index: Int) -> Int {
        index / Self.blockRows * Self.blockBytes(columns) + index % Self.blockRows * Self.groupColumns
    }

    /// Where the scale of a row stands; its bias is `blockRows` floats behind.
    func tail(of index: Int) -> UnsafeMutablePointer<Float> {
        let block = index / Self.blockRows * Self.blockBytes(columns)
        let start = unsafe UnsafeMutableRawPointer(blocks.start + block + Self.groups(columns) * Self.groupBytes)
        return unsafe start.assumingMemoryBound(to: Float.self) + index % Self.blockRows
    }

    /// Brings the blocks up to that of `index` into use: rows nobody has set score -∞.
    mutating func openBlocks(through index: Int) {
        let opened = (count + Self.blockRows - 1) / Self.blockRows * Self.blockRows
        let needed = (index / Self.blockRows + 1) * Self.blockRows
        if needed > opened {
            for row in opened..<needed { unsafe tail(of: row)[Self.blockRows] = -.infinity }
        }
        count = max(count, index + 1)
    }

    /// Moves the quantized row into its places, four values at a time; flipping the sign bit adds 128.
    private mutating func packRow(_ index: Int) {
        let start = unsafe UnsafeMutableRawPointer(blocks.start + offset(of: index))
        let source = unsafe UnsafeRawPointer(fresh.start)
        for group in 0..<Self.groups(columns) {
            let four = unsafe source.load(fromByteOffset: group * Self.groupColumns, as: UInt32.self)
            unsafe start.storeBytes(of: four ^ 0x8080_8080, toByteOffset: group * Self.groupBytes, as: UInt32.self)
        }
    }

    /// The signed values of a row in use, in their order, padded with zeros.
    func unpackRow(_ index: Int, into target: UnsafeMutablePointer<Int8>) {
        precondition(index >= 0 && index < count, "the row is in use")
        let start = unsafe UnsafeRawPointer(blocks.start + offset(of: index))
        let end = UnsafeMutableRawPointer(target)
        for group in 0..<Self.groups(columns) {
            let four = unsafe start.load(fromByteOffset: group * Self.groupBytes, as: UInt32.self)
            unsafe end.storeBytes(of: four ^ 0x8080_8080, toByteOffset: group * Self.groupColumns, as: UInt32.self)
        }
    }
}
