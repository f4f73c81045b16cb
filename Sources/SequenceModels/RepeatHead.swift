public import Tensors

// P = positions of a batch, D = hidden width, K = kinds

/// What a state adds to the scores of the items that its own session has met: Wₖ·h + cₖ, k how many other items
/// the session has met since. An item that comes back does so because it is here, not because of what it is like
/// (RepeatNet, Ren et al. 2019): its vector alone cannot tell that.
///
/// Zero at first: a stream without repeats loses nothing.
public final class RepeatHead {
    /// W, [K x D]
    public internal(set) var weights: Parameter
    /// c, [1 x K]
    public internal(set) var biases: Parameter
    /// Wₖ·h + cₖ, then its gradient, [P x K].
    private var additions: Matrix

    /// The newest different items of a session that are told apart from others.
    public static let itemsMax = 16
    /// Kinds; items met longer ago count as the last of them.
    public static let kinds = 6
    /// Its tensors: an encoder's last ones.
    public static let tensors = 2

    /// Whether a tensor of this name is part of a head.
    public static func owns(_ name: String) -> Bool { name.contains(".repeat_head.") }

    /// - Parameter prefix: stands before each tensor's name.
    init(prefix: String, positionsMax: Int, dimensions: Int) {
        weights = Parameter(prefix + ".repeat_head.weight", rows: Self.kinds, columns: dimensions)
        biases = Parameter(prefix + ".repeat_head.bias", rows: 1, columns: Self.kinds)
        additions = Matrix(rows: positionsMax, columns: Self.kinds)
    }

    /// The kind of an item with so many others behind it.
    public static func kind(place: Int) -> Int { min(place, kinds - 1) }

    /// Computes what the first `positions` rows of `hidden` add.
    func forward(_ hidden: borrowing Matrix, positions: Int) {
        multiplyNT(hidden, rows: 0..<positions, weights.value, rows: Self.kinds, into: &additions, accumulating: false)
        for position in 0..<positions { additions.addRow(position, from: biases.value, row: 0, scale: 1) }
    }

    /// What is added to the score of the item at a place among the newest ones, after `forward`.
    func addition(_ position: Int, place: Int) -> Float { additions[position, Self.kind(place: place)] }

    /// Begins to sum up the gradient of some positions' additions, which are read no more.
    func beginGradient(_ positions: Range<Int>) { additions.fill(0, rows: positions) }

    func addGradient(_ position: Int, place: Int, _ slope: Float) {
        additions[position, Self.kind(place: place)] += slope
    }

    /// Adds dL/dW and dL/dc to their gradients, and what reaches the states to theirs, [P x D].
    func backward(_ hidden: borrowing Matrix, positions: Int, addingTo hiddenGradient: inout Matrix) {
        multiplyTN(additions, columns: Self.kinds, hidden, rows: positions, into: &weights.gradient, accumulating: true)
        for position in 0..<positions { biases.gradient.addRow(0, from: additions, row: position, scale: 1) }
        multiplyNN(
            additions, rows: 0..<positions, weights.value, rows: Self.kinds, into: &hiddenGradient, accumulating: true)
    }

    func forEachParameter(_ body: (inout Parameter) -> Void) {
        body(&weights)
        body(&biases)
    }
}

extension RepeatHead {
    /// The different items of a session, newest first, ``itemsMax`` at most.
    public static func items(of session: Span<SessionEvent>, into items: inout [ItemIndex]) {
        items.removeAll(keepingCapacity: true)
        var index = session.count
        while index > 0, items.count < itemsMax {
            index -= 1
            let item = session[index].item
            if !items.contains(item) { items.append(item) }
        }
    }

    /// What is added to the score of the item at a place after a state, a row of `hidden`.
    public func addition(place: Int, after hidden: borrowing Matrix, row: Int) -> Float {
        let kind = Self.kind(place: place)
        let product = hidden.withRow(row) { hidden in weights.value.withRow(kind) { dot(hidden, $0) } }
        return product + biases.value[0, kind]
    }
}
