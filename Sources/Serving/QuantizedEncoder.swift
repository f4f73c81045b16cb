internal import SequenceModels
internal import Tensors

// D = hidden width

/// An encoder in int8, as it is served: the twin of a float encoder that learns.
///
/// Owns its weights and the workspace of one thread; nothing is allocated a session.
protocol QuantizedEncoder: AnyObject {
    /// Takes over the float encoder's newest weights.
    ///
    /// - Throws: `TensorError.notFinite` where training has diverged; the weights may then be half old, half
    ///   new, and the caller restores the last good parameters.
    func refresh() throws(TensorError)

    /// The state after the last event of `window`, oldest event first, into row 0 of `hidden` [1 x D].
    ///
    /// - Throws: `TensorError.notFinite` where there is no usable state.
    func encode(
        _ window: Span<SessionEvent>, items: borrowing QuantizedTable, into hidden: inout Matrix
    ) throws(TensorError)
}
