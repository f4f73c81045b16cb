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
    /// From this many positions on, weights are transposed first: the product of a row with a row ends in
    /// a sum across lanes, that with a column does not.
    private static let transposingPositions = 5

    /// Encodes every window of `batch`, which is arranged; row p of `activations.hidden` is the state after
    /// position p.
    public static func forward(
        _ parameters: borrowing GRUParameters, _ table: borrowing EmbeddingTable, _ batch: SequenceBatch,
        into activations: inout GRUActivations, dropout: inout Dropout
    ) {
        let positions = batch.positionCount
        precondition(positions <= activations.positionsMax, "the batch fits the activations")
        let isTransposing = positions >= transposingPositions
        if isTransposing {
            transpose(parameters.inputWeights.value, rows: parameters.inputWeights.rows, into: &activations.inputWeights)
            transpose(parameters.hiddenWeights.value, rows: parameters.hiddenWeights.rows, into: &activations.hiddenWeights)
        }
        parameters.features.read(batch, table, into: &activations.inputs)
        activations.isDropping = dropout.isActive
        if dropout.isActive {
            dropout.draw(&activations.mask, rows: 0..<positions)
            activations.inputs.multiply(rows: 0..<positions, by: activations.mask)
        }
        for position in 0..<positions {
            activations.inputGates.copyRow(position, from: parameters.inputBias.value, row: 0)
            activations.hiddenGates.copyRow(position, from: parameters.hiddenBias.value, row: 0)
        }
        if isTransposing {
            multiplyNN(
                activations.inputs, rows: 0..<positions, activations.inputWeights, rows: parameters.dimensions,
                into: &activations.inputGates, accumulating: true, precision: .rounded)
        } else {
            multiplyNT(
                activations.inputs, rows: 0..<positions, parameters.inputWeights.value, rows: parameters.inputWeights.rows,
                into: &activations.inputGates, accumulating: true)
        }
        for (time, step) in batch.steps.enumerated() {
            if time == 0 {
                activations.previous.fill(0, rows: step)
            } else {
                let before = batch.steps[time - 1].lowerBound
                for row in 0..<step.count {
                    activations.previous.copyRow(step.lowerBound + row, from: activations.hidden, row: before + row)
                }
                // From a state of zero the product is zero: the first step needs none.
                if isTransposing {
                    multiplyNN(
                        activations.previous, rows: step, activations.hiddenWeights, rows: parameters.dimensions,
                        into: &activations.hiddenGates, accumulating: true, precision: .rounded)
                } else {
                    multiplyNT(
                        activations.previous, rows: step, parameters.hiddenWeights.value, rows: parameters.hiddenWeights.rows,
                        into: &activations.hiddenGates, accumulating: true)
                }
            }
            for position in step {
                activate(
                    position, previous: activations.previous, inputGates: activations.inputGates,
                    hiddenGates: activations.hiddenGates, gates: &activations.gates, hidden: &activations.hidden)
            }
        }
    }

    private static func activate(
        _ position: Int, previous: borrowing Matrix, inputGates: borrowing Matrix, hiddenGates: borrowing Matrix,
        gates: inout Matrix, hidden: inout Matrix
    ) {
        previous.withRow(position) { previous in
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
