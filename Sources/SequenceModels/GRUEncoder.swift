public import Tensors

// P = positions of a batch, D = hidden width

/// The recurrent encoder: one `GRU` over the events of a session.
public final class GRUEncoder: SequenceEncoder {
    public internal(set) var parameters: GRUParameters
    public let repeatHead: RepeatHead
    private var activations: GRUActivations

    public var dimensions: Int { parameters.dimensions }
    public var positionsMax: Int { activations.positionsMax }

    public init(positionsMax: Int, dimensions: Int, using generator: inout SeededGenerator) {
        parameters = GRUParameters(dimensions: dimensions, using: &generator)
        repeatHead = RepeatHead(prefix: "gru", positionsMax: positionsMax, dimensions: dimensions)
        activations = GRUActivations(positionsMax: positionsMax, dimensions: dimensions)
    }

    public func forward(_ batch: SequenceBatch, _ table: borrowing EmbeddingTable, dropout: inout Dropout) {
        GRU.forward(parameters, table, batch, into: &activations, dropout: &dropout)
    }

    public func withHidden<R>(_ body: (borrowing Matrix) -> R) -> R { body(activations.hidden) }

    public func backward(
        _ batch: SequenceBatch, _ table: borrowing EmbeddingTable, hiddenGradient: borrowing Matrix,
        rows: inout RowGradients
    ) {
        GRU.backward(&parameters, batch, hiddenGradient: hiddenGradient, &activations, rows: &rows)
    }

    public func forEachParameter(_ body: (inout Parameter) -> Void) {
        parameters.forEachParameter(body)
        repeatHead.forEachParameter(body)
    }
}
