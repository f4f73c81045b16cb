internal import CKernels

// D = hidden width

/// Σ aᵢ bᵢ
public func dot(_ a: Span<Float>, _ b: Span<Float>) -> Float {
    precondition(a.count == b.count, "vectors of one length")
    return unsafe a.withUnsafeBufferPointer { a in
        unsafe b.withUnsafeBufferPointer { b in
            guard let left = a.baseAddress, let right = b.baseAddress else { return 0 }
            return unsafe kn_dot_f32(left, right, a.count)
        }
    }
}

/// x = exp(x) / Σ exp(x), in place; at least one value is finite, none is NaN or +∞.
///
/// - Returns: log Σ exp(x) of the values before.
public func softmax(_ x: inout MutableSpan<Float>) -> Float {
    precondition(x.count > 0, "a distribution has an outcome")
    return unsafe x.withUnsafeMutableBufferPointer { x in
        guard let start = x.baseAddress else { return -.infinity }
        return unsafe kn_softmax_f32(start, x.count)
    }
}

/// The same of the first `count` values; the others stay.
public func softmax(_ x: inout MutableSpan<Float>, first count: Int) -> Float {
    precondition(count > 0 && count <= x.count, "a distribution has an outcome")
    return unsafe x.withUnsafeMutableBufferPointer { x in
        guard let start = x.baseAddress else { return -.infinity }
        return unsafe kn_softmax_f32(start, count)
    }
}

/// One step of a GRU after its two products: PyTorch's equations, gates in the order r, z, n.
///
/// - Parameters:
///   - inputGates: W_i x + b_i, [3D]
///   - hiddenGates: W_h h + b_h, [3D]
///   - previous: h, [D]
///   - gates: receives r, z, n, [3D]
///   - next: receives h', [D]
public func gruGates(
    inputGates: Span<Float>, hiddenGates: Span<Float>, previous: Span<Float>, gates: inout MutableSpan<Float>,
    next: inout MutableSpan<Float>
) {
    let width = previous.count
    precondition(
        inputGates.count == 3 * width && hiddenGates.count == 3 * width && gates.count == 3 * width
            && next.count == width, "gates are three times as wide as the state")
    unsafe inputGates.withUnsafeBufferPointer { input in
        unsafe hiddenGates.withUnsafeBufferPointer { hidden in
            unsafe previous.withUnsafeBufferPointer { previous in
                unsafe gates.withUnsafeMutableBufferPointer { gates in
                    unsafe next.withUnsafeMutableBufferPointer { next in
                        guard let input = input.baseAddress, let hidden = hidden.baseAddress,
                            let previous = previous.baseAddress, let gates = gates.baseAddress,
                            let next = next.baseAddress
                        else { return }
                        unsafe kn_gru_gates_f32(input, hidden, previous, gates, next, width)
                    }
                }
            }
        }
    }
}

/// The gradient of `gruGates`.
///
/// - Parameters:
///   - gradient: dL/dh', [D]
///   - inputGatesGradient: receives dL/d(inputGates), [3D]
///   - hiddenGatesGradient: receives dL/d(hiddenGates), [3D]
///   - previousGradient: receives the part of dL/dh that does not pass through the gates, [D]
public func gruGatesBackward(
    gates: Span<Float>, hiddenGates: Span<Float>, previous: Span<Float>, gradient: Span<Float>,
    inputGatesGradient: inout MutableSpan<Float>, hiddenGatesGradient: inout MutableSpan<Float>,
    previousGradient: inout MutableSpan<Float>
) {
    let width = previous.count
    precondition(
        gates.count == 3 * width && hiddenGates.count == 3 * width && gradient.count == width
            && inputGatesGradient.count == 3 * width && hiddenGatesGradient.count == 3 * width
            && previousGradient.count == width, "gates are three times as wide as the state")
    unsafe gates.withUnsafeBufferPointer { gates in
        unsafe hiddenGates.withUnsafeBufferPointer { hidden in
            unsafe previous.withUnsafeBufferPointer { previous in
                unsafe gradient.withUnsafeBufferPointer { gradient in
                    unsafe inputGatesGradient.withUnsafeMutableBufferPointer { inputGradient in
                        unsafe hiddenGatesGradient.withUnsafeMutableBufferPointer { hiddenGradient in
                            unsafe previousGradient.withUnsafeMutableBufferPointer { previousGradient in
                                guard let gates = gates.baseAddress, let hidden = hidden.baseAddress,
                                    let previous = previous.baseAddress, let gradient = gradient.baseAddress,
                                    let inputGradient = inputGradient.baseAddress,
                                    let hiddenGradient = hiddenGradient.baseAddress,
                                    let previousGradient = previousGradient.baseAddress
                                else { return }
                                unsafe kn_gru_gates_backward_f32(
                                    gates, hidden, previous, gradient, inputGradient, hiddenGradient,
                                    previousGradient, width)
                            }
                        }
                    }
                }
            }
        }
    }
}
