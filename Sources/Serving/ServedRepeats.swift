internal import SequenceModels
internal import Tensors

// D = hidden width, K = kinds

/// The served twin of a `RepeatHead`, in float: it is small.
struct ServedRepeats: ~Copyable {
    /// [K x D]
    private var weights: Matrix
    /// [1 x K]
    private var biases: Matrix
    private let head: RepeatHead

    init(_ head: RepeatHead, dimensions: Int) {
        self.head = head
        weights = Matrix(rows: RepeatHead.kinds, columns: dimensions)
        biases = Matrix(rows: 1, columns: RepeatHead.kinds)
    }

    /// Takes over the newest weights.
    ///
    /// - Throws: `TensorError.notFinite`; what is served is then as it was.
    mutating func refresh() throws(TensorError) {
        let square = head.weights.value.squaredNorm + head.biases.value.squaredNorm
        guard square.isFinite else { throw .notFinite(row: 0) }
        weights.copy(head.weights.value)
        biases.copy(head.biases.value)
    }

    /// Fills in what a state, row 0 of `hidden`, adds to the scores of a session's own items.
    func add(to items: inout [RepeatedItem], after hidden: borrowing Matrix) {
        for place in items.indices {
            let kind = RepeatHead.kind(place: place)
            let product = hidden.withRow(0) { hidden in weights.withRow(kind) { dot(hidden, $0) } }
            items[place].addition = product + biases[0, kind]
        }
    }
}

/// An item of the session that is ranked, and what is added to its score.
struct RepeatedItem {
    var item: ItemIndex
    var addition: Float
}
