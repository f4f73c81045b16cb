public import Tensors

// D = hidden width

/// The gradient of an embedding table in one step: only the rows that were used, in the order in
/// which they were first used, whatever their role was (input, target, negative).
public struct RowGradients: ~Copyable {
    /// [slot count x D]
    private var vectors: Matrix
    private var biases: [Float]
    private var items: [ItemIndex] = []
    /// For each item, its slot, valid where `stamps` holds the current step's stamp: clearing costs
    /// nothing, however large the table is.
    private var slots: [Int32] = []
    private var stamps: [UInt32] = []
    private var stamp: UInt32 = 1

    /// Distinct rows touched in this step.
    public var count: Int { items.count }

    /// - Parameter slotsMax: the most distinct rows that one step can touch.
    public init(slotsMax: Int, dimensions: Int) {
        vectors = Matrix(rows: slotsMax, columns: dimensions)
        biases = [Float](repeating: 0, count: slotsMax)
        items.reserveCapacity(slotsMax)
    }

    public func item(at slot: Int) -> ItemIndex { items[slot] }

    public func bias(at slot: Int) -> Float { biases[slot] }

    public func withVector<R>(at slot: Int, _ body: (Span<Float>) -> R) -> R {
        vectors.withRow(slot, body)
    }

    /// Forgets the step's gradient. Call before each step.
    public mutating func removeAll() {
        vectors.fill(0, rows: 0..<items.count)
        for slot in items.indices { biases[slot] = 0 }
        items.removeAll(keepingCapacity: true)
        stamp &+= 1
        if stamp == 0 {
            // Stamps of four billion steps ago would read as current.
            for index in stamps.indices { stamps[index] = 0 }
            stamp = 1
        }
    }

    /// Adds `scale` times row `row` of `source` to the gradient of `item`.
    public mutating func add(_ item: ItemIndex, from source: borrowing Matrix, row: Int, scale: Float) {
        vectors.addRow(slot(of: item), from: source, row: row, scale: scale)
    }

    public mutating func addBias(_ item: ItemIndex, _ gradient: Float) {
        biases[slot(of: item)] += gradient
    }

    private mutating func slot(of item: ItemIndex) -> Int {
        let index = Int(item)
        while slots.count <= index {
            slots.append(0)
            stamps.append(0)
        }
        if stamps[index] == stamp { return Int(slots[index]) }
        precondition(items.count < vectors.rows, "a step touches no more rows than it was sized for")
        stamps[index] = stamp
        slots[index] = Int32(items.count)
        items.append(item)
        return items.count - 1
    }
}
