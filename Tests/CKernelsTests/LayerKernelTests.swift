import CKernels
import Foundation
import Testing

/// The loops of layers, every variant, against Double and with guard pages.
@Suite struct LayerKernelTests {
    private static let kinds = [KN_IDENTITY, KN_SIGMOID, KN_TANH, KN_RELU, KN_GELU, KN_SILU]

    private func kernels(_ variant: Variant) throws -> kn_layer_kernels {
        try #require(kn_layer_variant(variant.isa)).pointee
    }

    private static func activation(_ kind: kn_activation, _ x: Double) -> Double {
        switch kind {
        case KN_SIGMOID: 1 / (1 + exp(-x))
        case KN_TANH: tanh(x)
        case KN_RELU: max(0, x)
        case KN_GELU: x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        case KN_SILU: x / (1 + exp(-x))
        default: x
        }
    }

    @Test(arguments: Variant.available, awkwardLengths) func activationsAndTheirSlopes(variant: Variant, length: Int) throws {
        let kernels = try kernels(variant)
        var generator = TestGenerator(state: UInt64(length))
        for kind in Self.kinds {
            let y = GuardedBuffer(generator.floats(length, 6))
            let bias = GuardedBuffer(generator.floats(length, 1))
            let z = GuardedBuffer([Float](repeating: 9, count: length))
            let before = y.values
            kernels.activate(kind, bias.start, y.start, length, z.start, length, 1, length)
            let gradient = GuardedBuffer([Float](repeating: 2, count: length))
            let biasGradient = GuardedBuffer([Float](repeating: 1, count: length))
            kernels.activate_backward(kind, y.start, length, gradient.start, length, biasGradient.start, 1, length)
            for place in 0..<length {
                let x = Double(before[place]) + Double(bias.values[place])
                #expect(abs(Double(y.values[place]) - x) < 1e-6)
                #expect(abs(Double(z.values[place]) - Self.activation(kind, x)) < 4e-6, "\(kind) at \(x)")
                guard kind != KN_RELU || abs(x) > 1e-4 else { continue }
                let slope = 2 * (Self.activation(kind, x + 1e-5) - Self.activation(kind, x - 1e-5)) / 2e-5
                #expect(abs(Double(gradient.values[place]) - slope) < 2e-5, "\(kind) at \(x)")
                #expect(abs(Double(biasGradient.values[place]) - 1 - slope) < 2e-5)
            }
        }
    }

    @Test(arguments: Variant.available, awkwardLengths) func layerNormAndItsWayBack(variant: Variant, length: Int) throws {
        let kernels = try kernels(variant)
        var generator = TestGenerator(state: UInt64(length) + 77)
        // Some kernels do four rows at once.
        let rows = 7
        let x = GuardedBuffer(generator.floats(rows * length, 2))
        let (gain, bias) = (GuardedBuffer(generator.floats(length, 1)), GuardedBuffer(generator.floats(length, 1)))
        let normalized = GuardedBuffer([Float](repeating: 0, count: rows * length))
        let inverse = GuardedBuffer([Float](repeating: 0, count: rows))
        let y = GuardedBuffer([Float](repeating: 0, count: rows * length))
        kernels.layer_norm(x.start, length, gain.start, bias.start, normalized.start, length, inverse.start, y.start, length, rows, length)
        for row in 0..<rows {
            // Alone a row gives the same bits.
            let (kept, one) = (GuardedBuffer([Float](repeating: 0, count: length)), GuardedBuffer<Float>([0]))
            let alone = GuardedBuffer([Float](repeating: 0, count: length))
            kernels.layer_norm(
                x.start + row * length, length, gain.start, bias.start, kept.start, length, one.start, alone.start, length, 1,
                length)
            #expect(alone.values[...] == y.values[row * length..<(row + 1) * length])
            #expect(kept.values[...] == normalized.values[row * length..<(row + 1) * length])
            #expect(one.values[0] == inverse.values[row])
        }

        func norm(_ row: Int, _ values: [Double]) -> [Double] {
            let mean = values.reduce(0, +) / Double(length)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(length)
            return values.indices.map {
                (values[$0] - mean) / (variance + 1e-5).squareRoot() * Double(gain.values[$0]) + Double(bias.values[$0])
            }
        }
        let slopes = GuardedBuffer(generator.floats(rows * length, 1))
        let xGradient = GuardedBuffer([Float](repeating: 0.5, count: rows * length))
        let gainGradient = GuardedBuffer([Float](repeating: 0, count: length))
        let biasGradient = GuardedBuffer([Float](repeating: 0, count: length))
        kernels.layer_norm_backward(
            slopes.start, length, gain.start, normalized.start, length, inverse.start, xGradient.start, length,
            gainGradient.start, biasGradient.start, rows, length)
        for row in 0..<rows {
            let values = x.values[row * length..<(row + 1) * length].map(Double.init)
            let weights = slopes.values[row * length..<(row + 1) * length].map(Double.init)
            for (place, expected) in norm(row, values).enumerated() {
                #expect(abs(Double(y.values[row * length + place]) - expected) < 2e-5 * (1 + abs(expected)))
            }
            for place in Swift.stride(from: 0, to: length, by: max(1, length / 7)) {
                func total(_ change: Double) -> Double {
                    var moved = values
                    moved[place] += change
                    return zip(norm(row, moved), weights).reduce(0) { $0 + $1.0 * $1.1 }
                }
                // Two values are ±1 whatever they are: their slope is of the size of epsilon, and curved.
                let numeric = (total(1e-6) - total(-1e-6)) / 2e-6
                let result = Double(xGradient.values[row * length + place]) - 0.5
                #expect(abs(result - numeric) < 1e-3 * (1 + abs(numeric)), "\(result) \(numeric)")
            }
        }
        for place in 0..<length {
            let total = (0..<rows).reduce(0.0) { $0 + Double(slopes.values[$1 * length + place]) }
            #expect(abs(Double(biasGradient.values[place]) - total) < 1e-5)
            let products = (0..<rows).reduce(0.0) {
                $0 + Double(slopes.values[$1 * length + place]) * Double(normalized.values[$1 * length + place])
            }
            #expect(abs(Double(gainGradient.values[place]) - products) < 1e-4)
        }
    }

    @Test(arguments: Variant.available, [1, 2, 15, 16, 17, 50, 65]) func causalSoftmaxAndItsWayBack(variant: Variant, length: Int) throws {
        let kernels = try kernels(variant)
        let stride = (length + 15) / 16 * 16, span = length + 3
        var generator = TestGenerator(state: UInt64(length) + 5)
        let scores = generator.floats(length * stride, 4)
        let offsets = GuardedBuffer(generator.floats(span, 1))
        let weights = GuardedBuffer(scores)
        kernels.causal_softmax(weights.start, stride, stride, offsets.start, span, 0.3, 0, length)
        let slopes = generator.floats(length * stride, 1)
        let gradient = GuardedBuffer(slopes)
        let offsetsGradient = GuardedBuffer([Float](repeating: 0, count: span))
        kernels.causal_softmax_backward(weights.start, gradient.start, stride, stride, offsetsGradient.start, span, 0.3, 0, length)
        var expectedOffsets = [Double](repeating: 0, count: span)
        for row in 0..<length {
            let logits = (0...row).map { Double(scores[row * stride + $0]) * 0.3 + Double(offsets.values[span - 1 - row + $0]) }
            let sum = logits.reduce(0) { $0 + exp($1) }
            let exact = logits.map { exp($0) / sum }
            let mean = (0...row).reduce(0.0) { $0 + exact[$1] * Double(slopes[row * stride + $1]) }
            for column in 0..<stride {
                let (weight, slope) = (Double(weights.values[row * stride + column]), Double(gradient.values[row * stride + column]))
                guard column <= row else {
                    #expect(weight == 0 && slope == 0)
                    continue
                }
                #expect(abs(weight - exact[column]) < 1e-5 * exact[column] + 1e-12)
                let expected = exact[column] * (Double(slopes[row * stride + column]) - mean)
                expectedOffsets[span - 1 - row + column] += expected
                #expect(abs(slope - 0.3 * expected) < 1e-6)
            }
        }
        for (result, expected) in zip(offsetsGradient.values, expectedOffsets) { #expect(abs(Double(result) - expected) < 1e-5) }
    }

    @Test(arguments: Variant.available, awkwardLengths) func productsValueByValue(variant: Variant, length: Int) throws {
        let kernels = try kernels(variant)
        var generator = TestGenerator(state: UInt64(length) + 9)
        let (x, y, z) = (GuardedBuffer(generator.floats(length)), GuardedBuffer(generator.floats(length)), GuardedBuffer(generator.floats(length)))
        let (before, sums) = (x.values, z.values)
        kernels.add_product(x.start, y.start, z.start, length)
        kernels.multiply(x.start, y.start, length)
        for place in 0..<length {
            #expect(x.values[place] == before[place] * y.values[place])
            let exact = sums[place] + before[place] * y.values[place]
            #expect(abs(z.values[place] - exact) < 1e-6)
        }
    }

    @Test(arguments: Variant.available, awkwardLengths) func masksAreTheNumbersOfSplitMix(variant: Variant, length: Int) throws {
        let kernels = try kernels(variant)
        var generator = TestGenerator(state: UInt64(length) << 40)
        for rate in [Float(0), 0.25, 0.3, 1] {
            let state = generator.state
            let mask = GuardedBuffer([Float](repeating: 9, count: length))
            kernels.dropout_mask(state, UInt32((Double(rate) * 0x1p24).rounded(.up)), 2, mask.start, length)
            let expected: [Float] = (0..<length).map { _ in Float(generator.next() >> 40) * 0x1p-24 < rate ? 0 : 2 }
            #expect(mask.values == expected)
        }
    }

    /// A model that has diverged must be seen to have: whatever is made of a NaN is one.
    @Test(arguments: Variant.available, [1, 16, 17, 40]) func nothingHidesANaN(variant: Variant, length: Int) throws {
        let kernels = try kernels(variant)
        let zeros = GuardedBuffer([Float](repeating: 0, count: length))
        for bad in Set([0, length / 2, length - 1]) {
            var values = [Float](repeating: 1, count: length)
            values[bad] = .nan
            for kind in Self.kinds where kind != KN_RELU {
                let (y, z) = (GuardedBuffer(values), GuardedBuffer([Float](repeating: 0, count: length)))
                kernels.activate(kind, zeros.start, y.start, length, z.start, length, 1, length)
                #expect(z.values[bad].isNaN && z.values.count { $0.isNaN } == 1)
            }
            let weights = GuardedBuffer(values)
            kernels.causal_softmax(weights.start, length, length, zeros.start, length, 1, length - 1, 1)
            #expect(weights.values.allSatisfy { $0.isNaN })
            let scores = GuardedBuffer(values)
            #expect(variant.floats.softmax(scores.start, length).isNaN)
            let (normalized, y) = (GuardedBuffer(zeros.values), GuardedBuffer(zeros.values))
            let inverse = GuardedBuffer<Float>([0])
            kernels.layer_norm(
                GuardedBuffer(values).start, length, zeros.start, zeros.start, normalized.start, length, inverse.start,
                y.start, length, 1, length)
            #expect(y.values.allSatisfy { $0.isNaN })
        }
    }
}
