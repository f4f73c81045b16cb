public import SequenceModels
public import Tensors

// V = item count, D = hidden width

/// The model as it is served: int8 rows with a scale a row for the items, an int8 twin of the encoder.
/// Training refreshes exactly the rows that it touched; serving reads nothing else.
public struct Snapshot: ~Copyable {
    /// [V x D], packed for the top-k scan.
    public private(set) var items: QuantizedTable
    /// The same rows in clusters, from as many items on as pay for it.
    private var index: ClusteredIndex
    private let indexedItemsMin: Int
    /// The served twin of the encoder, once for each recommender that works beside others.
    let encoders: [any QuantizedEncoder]
    /// What the encoders keep of sessions; nil where they keep nothing.
    private var cache: KeyValueCache?
    var repeats: ServedRepeats
    public let dimensions: Int
    /// What cosines are divided by where items are compared by direction, their rows of length one; else nil.
    public var temperature: Float?

    /// Items from which on an index is kept where the choice is free: below, a scan is done before it pays.
    public static let automaticItemsMin = 150_000

    /// - Parameters:
    ///   - encoder: the float encoder that is served, its width D a multiple of 16.
    ///   - shares: recommenders that work side by side at most.
    public init(capacity: Int, serving encoder: any SequenceEncoder, index mode: IndexMode, shares: Int = 1) {
        dimensions = encoder.dimensions
        indexedItemsMin = Self.itemsBeforeIndex(mode)
        index = ClusteredIndex(capacity: mode == .exact ? 1 : capacity, columns: encoder.dimensions)
        items = QuantizedTable(capacity: capacity, columns: dimensions)
        encoders = (0..<shares).map { _ in Self.twin(of: encoder) }
        repeats = ServedRepeats(encoder.repeatHead, dimensions: encoder.dimensions)
    }

    private static func twin(of encoder: any SequenceEncoder) -> any QuantizedEncoder {
        switch encoder {
        case let gru as GRUEncoder: QuantizedGRU(gru)
        case let attention as AttentionEncoder: QuantizedAttention(attention)
        case let convolution as ConvolutionEncoder: QuantizedConvolution(convolution)
        default: preconditionFailure("every kind of encoder has an int8 twin")
        }
    }

    /// Takes over the encoder's newest weights.
    ///
    /// - Throws: `TensorError.notFinite` where training has diverged; the encoder may then be half
    ///   old, half new, and the caller restores the last good parameters.
    public mutating func refreshEncoder() throws(TensorError) {
        for encoder in encoders { try encoder.refresh() }
        try repeats.refresh()
    }

    /// Keeps keys and values of the newest sessions from now on, where the encoder has any, so that an event that goes
    /// on from them costs one position. Lists are then no function of the weights alone: what is kept was made of
    /// weights that are older, by a bounded number of events.
    ///
    /// - Parameters:
    ///   - encoder: the float encoder that is served.
    ///   - lengthMax: events of a window at most.
    public mutating func keepKeysAndValues(of encoder: any SequenceEncoder, lengthMax: Int) {
        keepKeysAndValues(of: encoder, KeptLimits(), lengthMax: lengthMax)
    }

    mutating func keepKeysAndValues(of encoder: any SequenceEncoder, _ limits: KeptLimits, lengthMax: Int) {
        guard let attention = encoder as? AttentionEncoder else { return }
        cache = KeyValueCache(
            limits: limits, lengthMax: lengthMax, blocks: attention.blocks.count, dimensions: dimensions)
    }

    /// Begins a round of windows that are planned: those of the one before are encoded.
    public func beginRound() { cache?.beginRound() }

    /// How a window is encoded that may go on from what is kept; nil for one that is encoded by itself.
    ///
    /// - Parameters:
    ///   - length: events of the window, at most as many as was said.
    ///   - version: of the weights that are served; rises by one a step of learning.
    public func plan(_ mark: SessionMark?, length: Int, version: UInt64) -> KeptStep? {
        guard let mark, let cache else { return nil }
        return cache.plan(mark, length: length, version: version)
    }

    /// Sessions of which the encoders keep something.
    public var keptSessionCount: Int { cache?.count ?? 0 }

    /// Forgets what is kept of a session.
    public func forget(session: Int) { cache?.remove(session: session) }

    /// Forgets what is kept of every session: the weights are not those of a step further.
    public func forgetSessions() { cache?.removeAll() }

    /// The state after the last event of `window`, oldest event first, into row 0 of `hidden` [1 x D].
    ///
    /// - Parameters:
    ///   - step: as it was planned.
    ///   - share: which encoder it is that encodes.
    /// - Throws: `TensorError.notFinite` where there is no usable state.
    func encode(
        _ window: Span<SessionEvent>, _ step: KeptStep?, share: Int, into hidden: inout Matrix
    ) throws(TensorError) {
        let encoder = encoders[share]
        if let step, let cache, let attention = encoder as? QuantizedAttention {
            try attention.encode(window, step, in: cache, items: items, into: &hidden)
        } else {
            try encoder.encode(window, items: items, into: &hidden)
        }
    }

    /// Takes over the newest row of one item.
    ///
    /// - Throws: `TensorError.notFinite`; the served row is then still the old one.
    public mutating func refreshItem(_ item: ItemIndex, from table: borrowing EmbeddingTable) throws(TensorError) {
        let row = Int(item)
        try items.setRow(row, from: table.vectors, sourceRow: row, bias: table.biases[0, row])
        if items.count >= indexedItemsMin { index.refresh(item, from: items) }
    }

    /// Takes over the newest rows of some items.
    ///
    /// - Throws: `TensorError.notFinite`; the rows before that one are then new.
    public mutating func refreshItems(_ items: [ItemIndex], from table: borrowing EmbeddingTable) throws(TensorError) {
        for (place, item) in items.enumerated() {
            if place + Self.rowsAhead < items.count { self.items.prefetchRow(Int(items[place + Self.rowsAhead])) }
            try refreshItem(item, from: table)
        }
    }

    /// Rows that are asked for before they are written.
    private static let rowsAhead = 4

    private static func itemsBeforeIndex(_ mode: IndexMode) -> Int {
        switch mode {
        case .exact: .max
        case .approximate: 1
        case .automatic: automaticItemsMin
        }
    }

    /// Takes items out of the rankings that follow, until ``show(_:biases:)``: for a user who has seen
    /// thousands, a list that is long enough to drop them later costs more than the ranking.
    ///
    /// - Returns: what brings them back.
    public mutating func hide(_ hidden: ItemSet) -> [Float] {
        var biases: [Float] = []
        biases.reserveCapacity(hidden.count)
        for item in hidden.members { biases.append(items.hideRow(Int(item))) }
        return biases
    }

    public mutating func show(_ hidden: ItemSet, biases: [Float]) {
        // From the last to the first: of an item that is named twice the first bias is the real one.
        for (item, bias) in zip(hidden.members, biases).reversed() { items.showRow(Int(item), bias: bias) }
    }

    /// Takes an item out of every later list at once.
    public mutating func removeItem(_ item: ItemIndex) {
        items.removeRow(Int(item))
        index.remove(item)
    }

    /// Whether there is an index that knows every row.
    public var hasCompleteIndex: Bool { index.isComplete }

    /// Asks the index for the best rows of the first `count` queries.
    func rankApproximately(
        _ queries: borrowing QuantizedQueries, _ count: Int, reach: Float, using probe: inout ClusterProbe,
        into lists: inout [TopK]
    ) {
        for slot in 0..<count { index.rank(queries, slot, reach: reach, using: &probe, into: &lists[slot]) }
    }
}
