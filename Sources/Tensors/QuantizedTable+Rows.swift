internal import CKernels

// Rows that are quantized already: copied, moved, and offered to a list a part at a time. What an index that
// keeps rows in an order of its own is made of.

extension QuantizedTable {
    /// Makes row `index` what a row of a table of the same width is, bit for bit.
    public mutating func copyRow(_ index: Int, from source: borrowing QuantizedTable, row: Int) {
        precondition(index >= 0 && index < capacity && source.columns == columns, "the row fits the table")
        precondition(row >= 0 && row < source.count, "the row is in use")
        openBlocks(through: index)
        unsafe copy(index, values: source.blocks.start + source.offset(of: row), tail: source.tail(of: row))
    }

    /// Makes row `target` what row `source` is, which then is in no ranking until it is set again.
    public mutating func moveRow(_ source: Int, to target: Int) {
        precondition(source >= 0 && source < count && target >= 0 && target < capacity, "the rows fit the table")
        guard source != target else { return }
        openBlocks(through: target)
        unsafe copy(target, values: blocks.start + offset(of: source), tail: tail(of: source))
        removeRow(source)
    }

    /// The bias of a row in use; -∞ where it was removed.
    public func bias(ofRow index: Int) -> Float {
        precondition(index >= 0 && index < count, "the row is in use")
        return unsafe tail(of: index)[Self.blockRows]
    }

    /// Offers some rows to the list that a query has begun.
    ///
    /// - Parameters:
    ///   - rows: from the start of a block on, in use; the last block is offered whole.
    ///   - names: what each row of the table is called in the list.
    public func offer(_ rows: Range<Int>, names: Span<UInt32>, to queries: borrowing QuantizedQueries, _ slot: Int) {
        precondition(queries.columns == columns && slot >= 0 && slot < queries.capacity, "queries are as wide as the table")
        precondition(rows.lowerBound % Self.blockRows == 0 && rows.upperBound <= count, "whole blocks, in use")
        precondition(names.count >= count, "a name for every row")
        var table = unsafe kernelTable
        let first = rows.lowerBound / Self.blockRows
        let blocks = (rows.upperBound + Self.blockRows - 1) / Self.blockRows - first
        unsafe names.withUnsafeBufferPointer { names in
            unsafe table.names = names.baseAddress
            unsafe queries.scan(&table, slot, 1, first, blocks)
        }
    }

    private mutating func copy(_ index: Int, values: UnsafePointer<UInt8>, tail source: UnsafePointer<Float>) {
        let start = unsafe UnsafeMutableRawPointer(blocks.start + offset(of: index))
        let source = unsafe (values: UnsafeRawPointer(values), tail: source)
        for group in 0..<Self.groups(columns) {
            let four = unsafe source.values.load(fromByteOffset: group &* Self.groupBytes, as: UInt32.self)
            unsafe start.storeBytes(of: four, toByteOffset: group &* Self.groupBytes, as: UInt32.self)
        }
        let target = unsafe tail(of: index)
        unsafe (target[0], target[Self.blockRows]) = (source.tail[0], source.tail[Self.blockRows])
    }
}
