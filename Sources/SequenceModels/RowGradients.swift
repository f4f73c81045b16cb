public import Tensors

// D = hidden width

/// The gradient of an embedding table in one step: only the rows that were used, in the order in
/// which they were first used, whatever their role was (input, target, negative).
public struct RowGradients: ~Copyable {
    /// [slot count x D]
    private var vectors: Matrix
    private var biases: [Float]
    /// The rows touched in this step, a slot each.
    public private(set) var items: [ItemIndex] = []
    /// For each item the step that used it last, in the upper bits, and its slot there: valid where that is the current
    /// one, so that clearing costs nothing, however large the table is. One word, as it is read at random: the less
    /// memory, the nearer.
    private var slots: [UInt32] = []
    /// The current step, 1...stampMax.
    private var stamp: UInt32 = 1

    private static let slotBits: UInt32 = 20
    private static let stampMax = UInt32.max >> slotBits

    /// Distinct rows touched in this step.
    public var count: Int { items.count }

    /// - Parameter slotsMax: the most distinct rows that one step can touch.
    public init(slotsMax: Int, dimensions: Int) {
        precondition(slotsMax <= 1 << Self.slotBits, "a step touches a million rows at most")
        vectors = Matrix(rows: slotsMax, columns: dimensions)
        biases = [Float](repeating: 0, count: slotsMax)
        items.reserveCapacity(slotsMax)
    }

    public func item(at slot: Int) -> ItemIndex { items[slot] }

    public func bias(at slot: Int) -> Float { biases[slot] }

    public func withVector<R>(at slot: Int, _ body: (Span<Float>) -> R) -> R {
        vectors.withRow(slot, body)
    }

    /// Reads all of it: the items, their gradients in the first rows, [at least count x D], and those of their biases.
    func withRows(_ body: (Span<ItemIndex>, borrowing Matrix, Span<Float>) -> Void) {
        body(items.span, vectors, biases.span)
    }

    /// Forgets the step's gradient. Call before each step.
    public mutating func removeAll() {
        vectors.fill(0, rows: 0..<items.count)
        for slot in items.indices { biases[slot] = 0 }
        items.removeAll(keepingCapacity: true)
        stamp += 1
        if stamp > Self.stampMax {
            // Stamps of so many steps ago would read as current.
            for index in slots.indices { slots[index] = 0 }
            stamp = 1
        }
    }

    /// Gives items their slots before their gradients come: looked up one right after another, what lies far away is
    /// waited for together.
    public mutating func admit(_ items: [ItemIndex]) {
        for item in items { _ = slot(of: item) }
    }

    /// Adds the gradient that another part of the step has found.
    public mutating func add(_ other: borrowing RowGradients) {
        admit(other.items)
        for place in 0..<other.count {
            let slot = slot(of: other.items[place])
            vectors.addRow(slot, from: other.vectors, row: place, scale: 1)
            biases[slot] += other.biases[place]
        }
    }

    /// Adds `scale` times row `row` of `source` to the gradient of `item`.
    public mutating func add(_ item: ItemIndex, from source: borrowing Matrix, row: Int, scale: Float) {
        vectors.addRow(slot(of: item), from: source, row: row, scale: scale)
    }

    /// Adds what reaches the item's vector through its direction, see `Matrix.addTangent`, and the gradient of its bias.
    mutating func addTangent(
        _ item: ItemIndex, of gradient: borrowing Matrix, row: Int, at directions: borrowing Matrix,
        row directionRow: Int, length: Float?, scale: Float, bias: Float
    ) {
        let slot = slot(of: item)
        vectors.addTangent(
            slot, of: gradient, row: row, at: directions, row: directionRow, length: length, scale: scale)
        biases[slot] += bias
    }

    public mutating func addBias(_ item: ItemIndex, _ gradient: Float) {
        biases[slot(of: item)] += gradient
    }

    private mutating func slot(of item: ItemIndex) -> Int {
        let index = Int(item)
        while slots.count <= index { slots.append(0) }
        let known = slots[index]
        if known >> Self.slotBits == stamp { return Int(known & ((1 << Self.slotBits) - 1)) }
        precondition(items.count < vectors.rows, "a step touches no more rows than it was sized for")
        slots[index] = stamp << Self.slotBits | UInt32(items.count)
        items.append(item)
        return items.count - 1
    }
}
