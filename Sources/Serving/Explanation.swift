public import SequenceModels
internal import Tensors

// D = hidden width

/// Why an item is in a list: the item of the user's own session whose vector is most like it.
public struct Explanation: ~Copyable {
    /// Vectors of the session's items, [sessionItemsMax x D].
    private var sessionVectors: Matrix
    private var sessionItems: [ItemIndex] = []
    /// [1 x D]
    private var vector: Matrix

    public init(sessionItemsMax: Int, dimensions: Int) {
        sessionVectors = Matrix(rows: sessionItemsMax, columns: dimensions)
        vector = Matrix(rows: 1, columns: dimensions)
        sessionItems.reserveCapacity(sessionItemsMax)
    }

    /// Prepares for the lists of one session. Only its newest distinct items speak.
    public mutating func begin(session window: Span<ItemIndex>, in snapshot: borrowing Snapshot) {
        sessionItems.removeAll(keepingCapacity: true)
        var position = window.count
        while position > 0 && sessionItems.count < sessionVectors.rows {
            position -= 1
            let item = window[position]
            if sessionItems.contains(item) { continue }
            sessionVectors.withMutableRow(sessionItems.count) {
                snapshot.items.dequantizeRow(Int(item), into: &$0)
            }
            sessionItems.append(item)
        }
    }

    /// - Returns: the session's item with the largest dot product with `item`, other than itself;
    ///   nil where none points the same way.
    public mutating func reason(for item: ItemIndex, in snapshot: borrowing Snapshot) -> ItemIndex? {
        vector.withMutableRow(0) { snapshot.items.dequantizeRow(Int(item), into: &$0) }
        var best: ItemIndex?
        var bestSimilarity: Float = 0
        for (row, candidate) in sessionItems.enumerated() where candidate != item {
            let similarity = vector.withRow(0) { vector in
                sessionVectors.withRow(row) { dot(vector, $0) }
            }
            if similarity > bestSimilarity {
                bestSimilarity = similarity
                best = candidate
            }
        }
        return best
    }
}
