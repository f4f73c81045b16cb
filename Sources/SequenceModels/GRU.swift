internal import Tensors

// P = positions of a batch, D = hidden width

/// A gated recurrent unit over item vectors (Cho et al. 2014; GRU4Rec, Hidasi et al. 2016), with the
/// equations of `torch.nn.GRU`:
///
///     r = σ(W_ir x + b_ir + W_hr h + b_hr)
///     z = σ(W_iz x + b_iz + W_hz h + b_hz)
///     n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn))
///     h' = (1 - z) ∘ n + z ∘ h
///
/// Every window starts from h = 0: a session is encoded anew from its newest items with the newest
/// weights, so no hidden state of an older model is ever mixed in or has to be kept for a user.
public enum GRU {
    /// Encodes every window of `batch`; row p of `activations.hidden` is the state after position p.
    public static func forward(
        _ parameters: borrowing GRUParameters, _ table: borrowing EmbeddingTable, _ batch: SequenceBatch,
        into activations: inout GRUActivations
    ) {
        let positions = batch.positionCount
        precondition(positions <= activations.positionsMax, "the batch fits the activations")
        for position in 0..<positions {
            activations.inputs.copyRow(position, from: table.vectors, row: Int(batch.inputs[position]))
            activations.inputGates.copyRow(position, from: parameters.inputBias, row: 0)
        }
        multiplyNT(
            activations.inputs, rows: positions, parameters.inputWeights, rows: parameters.inputWeights.rows,
            into: &activations.inputGates, accumulating: true)

        for window in batch.windows {
            for position in window {
                if position == window.lowerBound {
                    activations.previous.fill(0, rows: position..<position + 1)
                } else {
                    activations.previous.copyRow(position, from: activations.hidden, row: position - 1)
                }
                step(parameters, position, &activations)
            }
        }
    }

    private static func step(
        _ parameters: borrowing GRUParameters, _ position: Int, _ activations: inout GRUActivations
    ) {
        activations.hiddenGates.copyRow(position, from: parameters.hiddenBias, row: 0)
        activateRow(
            position, weights: parameters.hiddenWeights, previous: activations.previous,
            inputGates: activations.inputGates, hiddenGates: &activations.hiddenGates, gates: &activations.gates,
            hidden: &activations.hidden)
    }

    private static func activateRow(
        _ position: Int, weights: borrowing Matrix, previous: borrowing Matrix, inputGates: borrowing Matrix,
        hiddenGates: inout Matrix, gates: inout Matrix, hidden: inout Matrix
    ) {
        previous.withRow(position) { previous in
            hiddenGates.withMutableRow(position) { weights.multiply(previous, into: &$0, accumulating: true) }
            inputGates.withRow(position) { inputGates in
                hiddenGates.withRow(position) { hiddenGates in
                    gates.withMutableRow(position) { gates in
                        hidden.withMutableRow(position) { hidden in
                            gruGates(
                                inputGates: inputGates, hiddenGates: hiddenGates, previous: previous,
                                gates: &gates, next: &hidden)
                        }
                    }
                }
            }
        }
    }
}
