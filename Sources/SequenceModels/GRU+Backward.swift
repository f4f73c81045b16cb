public import Tensors

// P = positions of a batch, D = hidden width

extension GRU {
    /// Back-propagates through every window of the batch that `forward` saw last.
    ///
    /// - Parameters:
    ///   - hiddenGradient: dL/dh for each position as the loss sees it, [P x D].
    ///   - parameters: their gradients are added to.
    ///   - rows: gradient of the embedding rows that were read; added to.
    public static func backward(
        _ parameters: inout GRUParameters, _ batch: SequenceBatch, hiddenGradient: borrowing Matrix,
        _ activations: inout GRUActivations, rows: inout RowGradients
    ) {
        let positions = batch.positionCount
        for (time, step) in batch.steps.enumerated().reversed() {
            // What comes back from the step after, where the window has one.
            let after = time + 1 < batch.steps.count ? batch.steps[time + 1] : step.upperBound..<step.upperBound
            for row in 0..<step.count {
                activations.arriving.copyRow(step.lowerBound + row, from: hiddenGradient, row: step.lowerBound + row)
                if row < after.count {
                    activations.arriving.addRow(
                        step.lowerBound + row, from: activations.leaving, row: after.lowerBound + row, scale: 1)
                }
            }
            for position in step {
                gateGradients(
                    position, gates: activations.gates, hiddenGates: activations.hiddenGates,
                    previous: activations.previous, arriving: activations.arriving, leaving: &activations.leaving,
                    inputGatesGradient: &activations.inputGatesGradient,
                    hiddenGatesGradient: &activations.hiddenGatesGradient)
            }
            if time > 0 {
                multiplyNN(
                    activations.hiddenGatesGradient, rows: step, parameters.hiddenWeights.value,
                    rows: parameters.hiddenWeights.rows, into: &activations.leaving, accumulating: true,
                    precision: .rounded)
            }
        }
        parameters.inputWeights.addToGradient(activations.inputGatesGradient, activations.inputs, rows: positions)
        parameters.hiddenWeights.addToGradient(activations.hiddenGatesGradient, activations.previous, rows: positions)
        for position in 0..<positions {
            parameters.inputBias.gradient.addRow(0, from: activations.inputGatesGradient, row: position, scale: 1)
            parameters.hiddenBias.gradient.addRow(0, from: activations.hiddenGatesGradient, row: position, scale: 1)
        }
        multiplyNN(
            activations.inputGatesGradient, rows: 0..<positions, parameters.inputWeights.value,
            rows: parameters.inputWeights.rows, into: &activations.inputsGradient, accumulating: false,
            precision: .rounded)
        if activations.isDropping { activations.inputsGradient.multiply(rows: 0..<positions, by: activations.mask) }
        parameters.features.propagate(activations.inputsGradient, batch, rows: &rows)
    }

    private static func gateGradients(
        _ position: Int, gates: borrowing Matrix, hiddenGates: borrowing Matrix, previous: borrowing Matrix,
        arriving: borrowing Matrix, leaving: inout Matrix, inputGatesGradient: inout Matrix, hiddenGatesGradient: inout Matrix
    ) {
        gates.withRow(position) { gates in
            hiddenGates.withRow(position) { hiddenGates in
                previous.withRow(position) { previous in
                    inputGatesGradient.withMutableRow(position) { inputGatesGradient in
                        hiddenGatesGradient.withMutableRow(position) { hiddenGatesGradient in
                            arriving.withRow(position) { arriving in
                                leaving.withMutableRow(position) { leaving in
                                    gruGatesBackward(
                                        gates: gates, hiddenGates: hiddenGates, previous: previous,
                                        gradient: arriving, inputGatesGradient: &inputGatesGradient,
                                        hiddenGatesGradient: &hiddenGatesGradient, previousGradient: &leaving)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
