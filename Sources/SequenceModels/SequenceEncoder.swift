public import Tensors

// P = positions of a batch, D = hidden width

/// A network that turns the events of a session into a hidden state after each of them: what is scored
/// against the item vectors.
///
/// An encoder owns its parameters and the workspace of one step. It is a class because an engine has
/// several of different kinds side by side; it is called once a step, never once an element.
public protocol SequenceEncoder: AnyObject {
    /// Width of item vectors and hidden states, D.
    var dimensions: Int { get }
    /// The most positions in one batch.
    var positionsMax: Int { get }

    /// What its states add to the scores of a session's own items.
    var repeatHead: RepeatHead { get }

    /// Encodes every window of `batch`, which is arranged; ``withHidden(_:)`` then gives the states.
    ///
    /// - Parameter dropout: what is left out by chance in this step; `Dropout.none` outside training.
    func forward(_ batch: SequenceBatch, _ table: borrowing EmbeddingTable, dropout: inout Dropout)

    /// The states of the last `forward`, [P x D]: row p is the state after position p.
    func withHidden<R>(_ body: (borrowing Matrix) -> R) -> R

    /// Back-propagates through the last `forward`. After `clearGradients` it may be called for several batches, each
    /// behind its own `forward`: their gradients add up.
    ///
    /// - Parameters:
    ///   - hiddenGradient: dL/dh for each position, [P x D].
    ///   - rows: gradient of the embedding rows that were read; added to.
    func backward(
        _ batch: SequenceBatch, _ table: borrowing EmbeddingTable, hiddenGradient: borrowing Matrix,
        rows: inout RowGradients)

    /// Every dense tensor, always in the same order.
    func forEachParameter(_ body: (inout Parameter) -> Void)
}

extension SequenceEncoder {
    /// Forgets the gradient of the step before, where the next one adds to it.
    public func clearGradients() {
        forEachParameter { $0.forgetGradient() }
    }

    /// Takes over the values of an encoder of the same shape.
    public func copyValues(of other: any SequenceEncoder) {
        forEachParameter(beside: other) { own, other in own.value.copy(other.value) }
    }

    /// Adds the gradients of an encoder of the same shape.
    public func addGradients(of other: any SequenceEncoder) {
        forEachParameter(beside: other) { own, other in own.addGradient(of: other) }
    }

    /// Every dense tensor beside that of another encoder.
    private func forEachParameter(
        beside other: any SequenceEncoder, _ body: (inout Parameter, borrowing Parameter) -> Void
    ) {
        var place = 0
        forEachParameter { own in
            var otherPlace = 0
            other.forEachParameter { parameter in
                if otherPlace == place { body(&own, parameter) }
                otherPlace += 1
            }
            place += 1
        }
    }

    /// What all gradients are to be multiplied by together so that their Euclidean norm is at most `limit` (Pascanu,
    /// Mikolov and Bengio 2013): at most 1.
    ///
    /// - Returns: nil where the norm is not finite.
    public func gradientScale(forNorm limit: Float) -> Float? {
        var square: Float = 0
        forEachParameter { square += $0.squaredGradientNorm }
        guard square.isFinite else { return nil }
        return square > limit * limit ? limit / square.squareRoot() : 1
    }

    /// One step of `optimizer` on every parameter.
    ///
    /// - Parameter gradientScale: what its gradient counts, see ``gradientScale(forNorm:)``.
    public func update(_ optimizer: inout DenseOptimizer, gradientScale: Float) {
        optimizer.beginStep()
        forEachParameter { optimizer.update(&$0, gradientScale: gradientScale) }
    }
}
