internal import Tensors

/// The rows of a batch window by window, each window's positions one after another: what encoders need that
/// look along a window. A `SequenceBatch` goes by time.
struct WindowLayout: ~Copyable {
    /// The rows of each window, the longest first.
    private(set) var windows: [Range<Int>] = []
    /// For each position of the batch, its row.
    private var rowOfPosition: [Int] = []

    private(set) var positionCount = 0

    /// The length of the longest window.
    var lengthMax: Int { windows.first?.count ?? 0 }

    init(positionsMax: Int) {
        rowOfPosition.reserveCapacity(positionsMax)
    }

    mutating func arrange(_ batch: SequenceBatch) {
        windows.removeAll(keepingCapacity: true)
        rowOfPosition.removeAll(keepingCapacity: true)
        positionCount = batch.positionCount
        var start = 0
        var length = batch.steps.count
        for rank in 0..<(batch.steps.first?.count ?? 0) {
            // Later windows are no longer than earlier ones.
            while length > 0 && batch.steps[length - 1].count <= rank { length -= 1 }
            windows.append(start..<start + length)
            start += length
        }
        for (time, step) in batch.steps.enumerated() {
            for rank in 0..<step.count { rowOfPosition.append(windows[rank].lowerBound + time) }
        }
    }

    /// Rows by window from rows by time.
    func gather(_ positions: borrowing Matrix, into rows: inout Matrix) {
        for position in 0..<positionCount { rows.copyRow(rowOfPosition[position], from: positions, row: position) }
    }

    /// Rows by time from rows by window.
    func scatter(_ rows: borrowing Matrix, into positions: inout Matrix) {
        for position in 0..<positionCount { positions.copyRow(position, from: rows, row: rowOfPosition[position]) }
    }
}
