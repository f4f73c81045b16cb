internal import Tensors

/// Where among a step's negatives an item stands: asked for every position's target and session, which most often
/// are none of them.
struct NegativeColumns: Sendable {
    /// For each hash the first column, and for each column the next of the same hash; none where it is -1.
    private var first: [Int32]
    private var next: [Int32]
    private var items: [ItemIndex] = []
    private let mask: Int

    /// - Parameter count: negatives a step.
    init(count: Int) {
        var slots = 16
        while slots < 4 * count { slots *= 2 }
        first = [Int32](repeating: -1, count: slots)
        next = [Int32](repeating: -1, count: count)
        mask = slots - 1
    }

    /// Takes over the negatives of a step.
    mutating func arrange(_ negatives: [ItemIndex]) {
        for item in items { first[Int(item) & mask] = -1 }
        items.removeAll(keepingCapacity: true)
        items.append(contentsOf: negatives)
        for (column, item) in negatives.enumerated() {
            next[column] = first[Int(item) & mask]
            first[Int(item) & mask] = Int32(column)
        }
    }

    /// False where an item has no column: most often, and most cheaply.
    func mayHave(_ item: ItemIndex) -> Bool { first[Int(item) & mask] >= 0 }

    /// Adds a number to an item's columns of a row.
    func add(_ addition: Float, to logits: inout Matrix, row: Int, of item: ItemIndex) {
        var column = Int(first[Int(item) & mask])
        while column >= 0 {
            if items[column] == item { logits[row, column] += addition }
            column = Int(next[column])
        }
    }

    /// The sum of an item's columns of a row.
    func sum(_ logits: borrowing Matrix, row: Int, of item: ItemIndex) -> Float {
        var (sum, column): (Float, Int) = (0, Int(first[Int(item) & mask]))
        while column >= 0 {
            if items[column] == item { sum += logits[row, column] }
            column = Int(next[column])
        }
        return sum
    }
}
