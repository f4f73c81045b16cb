import CKernels
import Foundation
import Testing

/// Every variant against sums in Double, at lengths that no vector divides, with guard pages.
@Suite struct FloatKernelTests {
    /// A sum of n products is within this many units of its magnitudes (CKernels.h).
    private static func budget(_ terms: Int, _ magnitudes: Double) -> Double {
        Double(terms + 1) * 0x1p-23 * magnitudes + 1e-30
    }

    @Test(arguments: Variant.available, awkwardLengths) func dotAndAxpy(variant: Variant, length: Int) {
        var generator = TestGenerator(state: UInt64(length))
        let a = GuardedBuffer(generator.floats(length, 3))
        let b = GuardedBuffer(generator.floats(length, 3))
        let before = b.values
        let products = zip(a.values, before).map { Double($0) * Double($1) }
        let expected = products.reduce(0, +)
        let result = Double(variant.floats.dot(a.start, b.start, length))
        #expect(abs(result - expected) <= Self.budget(length, products.reduce(0) { $0 + abs($1) }))

        variant.floats.axpy(0.5, a.start, b.start, length)
        for (place, value) in b.values.enumerated() {
            let exact = Double(before[place]) + 0.5 * Double(a.values[place])
            #expect(abs(Double(value) - exact) <= 0x1p-22 * (abs(exact) + 3))
        }
    }

    @Test(arguments: Variant.available, awkwardLengths) func threeRowsAreAddedOneAfterAnother(variant: Variant, length: Int) {
        var generator = TestGenerator(state: UInt64(length) + 7)
        let added = (0..<3).map { _ in GuardedBuffer(generator.floats(length, 3)) }
        let result = GuardedBuffer(generator.floats(length, 3))
        var expected = result.values
        for rows in added { for place in expected.indices { expected[place] += rows.values[place] } }
        variant.floats.add_three(added[0].start, added[1].start, added[2].start, result.start, length)
        #expect(result.values == expected)
    }

    @Test(arguments: Variant.available, awkwardLengths) func directionsAndTheirGradient(variant: Variant, length: Int) {
        var generator = TestGenerator(state: UInt64(length) + 31)
        let x = GuardedBuffer(generator.floats(length, 3))
        let direction = GuardedBuffer(generator.floats(length))
        let norm = x.values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        let factor = Double(variant.floats.normalize(x.start, 2.5, direction.start, length))
        #expect(abs(factor - 2.5 / norm) < 1e-5 * factor)
        for (place, value) in direction.values.enumerated() {
            #expect(abs(Double(value) - factor * Double(x.values[place])) < 1e-5)
        }

        let (g, before) = (GuardedBuffer(generator.floats(length)), generator.floats(length))
        let along = zip(g.values, direction.values).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } / (2.5 * 2.5)
        for shrink in [0, 1 / (2.5 * 2.5)] as [Float] {
            let y = GuardedBuffer(before)
            variant.floats.add_tangent(g.start, direction.start, shrink, -0.5, y.start, length)
            for (place, value) in y.values.enumerated() {
                let across = Double(g.values[place]) - (shrink == 0 ? 0 : along * Double(direction.values[place]))
                #expect(abs(Double(value) - (Double(before[place]) - 0.5 * across)) < 1e-5)
            }
        }
        // In place, and where there is no direction.
        _ = variant.floats.normalize(x.start, 2.5, x.start, length)
        #expect(x.values == direction.values)
        let zeros = GuardedBuffer([Float](repeating: 0, count: length))
        _ = variant.floats.normalize(zeros.start, 1, zeros.start, length)
        #expect(zeros.values.allSatisfy { $0 == 0 })
    }

    @Test(arguments: Variant.available, [(1, 1), (3, 5), (4, 16), (5, 17), (7, 64), (192, 64), (33, 129)])
    func matrixTimesVector(variant: Variant, shape: (rows: Int, columns: Int)) {
        let (rows, columns) = shape
        var generator = TestGenerator(state: UInt64(rows * 1000 + columns))
        let matrix = GuardedBuffer(generator.floats(rows * columns))
        let right = GuardedBuffer(generator.floats(columns))
        let left = GuardedBuffer(generator.floats(rows))
        let y = GuardedBuffer([Float](repeating: 1, count: rows))
        let z = GuardedBuffer([Float](repeating: 2, count: columns))
        variant.floats.gemv(matrix.start, columns, right.start, y.start, rows, columns)
        variant.floats.gemv_transposed(matrix.start, columns, left.start, z.start, rows, columns)
        let (a, x, w) = (matrix.values.map(Double.init), right.values.map(Double.init), left.values.map(Double.init))
        for row in 0..<rows {
            let exact = 1 + (0..<columns).reduce(0.0) { $0 + a[row * columns + $1] * x[$1] }
            #expect(abs(Double(y.values[row]) - exact) <= Self.budget(columns, Double(columns) + 1))
        }
        for column in 0..<columns {
            let exact = 2 + (0..<rows).reduce(0.0) { $0 + a[$1 * columns + column] * w[$1] }
            #expect(abs(Double(z.values[column]) - exact) <= Self.budget(rows, Double(rows) + 2))
        }
    }

    @Test(arguments: Variant.available, [(1, 1), (3, 5), (4, 16), (5, 17), (7, 64), (50, 64), (33, 129)])
    func int8MatrixTimesVector(variant: Variant, shape: (rows: Int, columns: Int)) {
        let (rows, columns) = shape
        var generator = TestGenerator(state: UInt64(rows * 1000 + columns) + 7)
        let floats = generator.floats(rows * columns, 127.49)
        // The extremes are among them.
        let matrix = GuardedBuffer(floats.indices.map { $0 == 0 ? Int8(-128) : $0 == 1 ? 127 : Int8(floats[$0]) })
        let scales = GuardedBuffer(generator.floats(rows))
        let right = GuardedBuffer(generator.floats(columns))
        let left = GuardedBuffer(generator.floats(rows))
        let y = GuardedBuffer([Float](repeating: 1, count: rows))
        let z = GuardedBuffer([Float](repeating: 2, count: columns))
        variant.floats.gemv_i8(matrix.start, columns, scales.start, right.start, y.start, rows, columns)
        variant.floats.gemv_transposed_i8(matrix.start, columns, scales.start, left.start, z.start, rows, columns)
        let (x, w) = (right.values.map(Double.init), left.values.map(Double.init))
        let a = matrix.values.indices.map { Double(matrix.values[$0]) * Double(scales.values[$0 / columns]) }
        for row in 0..<rows {
            let products = (0..<columns).map { a[row * columns + $0] * x[$0] }
            let exact = 1 + products.reduce(0, +)
            #expect(abs(Double(y.values[row]) - exact) <= Self.budget(columns + 1, 1 + products.reduce(0) { $0 + abs($1) }))
        }
        for column in 0..<columns {
            let products = (0..<rows).map { a[$0 * columns + column] * w[$0] }
            let exact = 2 + products.reduce(0, +)
            #expect(abs(Double(z.values[column]) - exact) <= Self.budget(rows + 1, 2 + products.reduce(0) { $0 + abs($1) }))
        }
    }

    @Test(arguments: Variant.available, [(1, 16, 1), (5, 16, 3), (6, 32, 7), (7, 64, 20), (13, 48, 33), (20, 256, 64), (3, 80, 300)])
    func matrixTimesMatrix(variant: Variant, shape: (m: Int, n: Int, k: Int)) {
        let (m, n, k) = shape
        let depth = (k + 15) / 16 * 16
        var generator = TestGenerator(state: UInt64(m * n * k))
        let a = generator.floats(m * k)
        let b = generator.floats(k * n)
        // A as it is, and transposed: the same products, reached by other steps.
        let plain = GuardedBuffer(a)
        let transposed = GuardedBuffer((0..<k * m).map { a[$0 % m * k + $0 / m] })
        let right = GuardedBuffer(b)
        // B transposed for A Bᵀ, its rows padded with zeros to 16.
        let rightRows = GuardedBuffer((0..<n * depth).map { $0 % depth < k ? b[$0 % depth * n + $0 / depth] : 0 })
        let padded = GuardedBuffer((0..<m * depth).map { $0 % depth < k ? a[$0 / depth * k + $0 % depth] : 0 })
        let results = (0..<3).map { _ in GuardedBuffer([Float](repeating: 1, count: m * n)) }
        variant.floats.gemm(plain.start, k, 1, right.start, n, results[0].start, n, m, n, k, true)
        variant.floats.gemm(transposed.start, 1, m, right.start, n, results[1].start, n, m, n, k, true)
        variant.floats.gemm_nt(padded.start, depth, rightRows.start, depth, results[2].start, n, m, n, k)
        for result in results.map(\.values) {
            for row in 0..<m {
                for column in 0..<n {
                    let exact = 1 + (0..<k).reduce(0.0) { $0 + Double(a[row * k + $1]) * Double(b[$1 * n + column]) }
                    #expect(abs(Double(result[row * n + column]) - exact) <= Self.budget(k, Double(k) + 1))
                }
            }
        }
    }

    /// What stood in C before is added to where asked, and otherwise not even read.
    @Test(arguments: Variant.available, [(1, 16, 2), (9, 48, 5), (6, 64, 260), (23, 112, 64), (50, 64, 131), (97, 16, 33)])
    func productsOfRoundedFactors(variant: Variant, shape: (m: Int, n: Int, k: Int)) {
        let (m, n, k) = shape
        var generator = TestGenerator(state: UInt64(m + n * 100 + k))
        let (a, b) = (generator.floats(m * k, 2), generator.floats(k * n))
        let (plain, right) = (GuardedBuffer(a), GuardedBuffer(b))
        let transposed = GuardedBuffer((0..<k * m).map { a[$0 % m * k + $0 / m] })
        let results = [Float.nan, 1, .nan, 1].map { GuardedBuffer([Float](repeating: $0, count: m * n)) }
        variant.floats.gemm_bf16(plain.start, k, 1, right.start, n, results[0].start, n, m, n, k, false)
        variant.floats.gemm_bf16(plain.start, k, 1, right.start, n, results[1].start, n, m, n, k, true)
        variant.floats.gemm_bf16(transposed.start, 1, m, right.start, n, results[2].start, n, m, n, k, false)
        variant.floats.gemm(plain.start, k, 1, right.start, n, results[3].start, n, m, n, k, false)
        let values = results.map(\.values)
        for row in 0..<m {
            for column in 0..<n {
                let products = (0..<k).map { Double(a[row * k + $0]) * Double(b[$0 * n + column]) }
                let (exact, magnitudes) = (products.reduce(0, +), products.reduce(0) { $0 + abs($1) })
                let place = row * n + column
                #expect(abs(Double(values[0][place]) - exact) <= 0x1p-7 * magnitudes + 1e-6)
                #expect(abs(Double(values[1][place]) - 1 - exact) <= 0x1p-7 * magnitudes + 1e-6)
                #expect(values[2][place] == values[0][place], "the same words, reached by other steps")
                #expect(abs(Double(values[3][place]) - exact) <= Self.budget(k, magnitudes))
            }
        }
    }

    @Test(arguments: Variant.available) func roundingHidesNothingThatIsNotFinite(variant: Variant) {
        for bad in [Float.nan, .infinity, -.infinity] {
            var a = [Float](repeating: 1, count: 8 * 64)
            a[3 * 64 + 5] = bad
            let (left, right) = (GuardedBuffer(a), GuardedBuffer([Float](repeating: 1, count: 64 * 16)))
            let result = GuardedBuffer([Float](repeating: 0, count: 8 * 16))
            variant.floats.gemm_bf16(left.start, 64, 1, right.start, 16, result.start, 16, 8, 16, 64, false)
            for row in 0..<8 { #expect(result.values[row * 16].isFinite == (row != 3)) }
        }
    }

    @Test(arguments: Variant.available, [(1, 1), (3, 17), (16, 16), (17, 5), (50, 64), (64, 33)])
    func transposition(variant: Variant, shape: (rows: Int, columns: Int)) {
        let (rows, columns) = shape
        let a = GuardedBuffer((0..<rows * columns).map { Float($0) })
        let b = GuardedBuffer([Float](repeating: -1, count: columns * (rows + 2) - 2))
        variant.floats.transpose(a.start, columns, b.start, rows + 2, rows, columns)
        for column in 0..<columns {
            for row in 0..<rows { #expect(b.values[column * (rows + 2) + row] == Float(row * columns + column)) }
            // What lies between the rows of b is somebody else's.
            if column < columns - 1 { #expect(b.values[column * (rows + 2) + rows] == -1) }
        }
    }

    @Test(arguments: Variant.available, awkwardLengths) func softmaxAddsUp(variant: Variant, length: Int) {
        var generator = TestGenerator(state: UInt64(length) + 7)
        var values = generator.floats(length, 20)
        if length > 2 { values[1] = -.infinity }
        let buffer = GuardedBuffer(values)
        let logarithm = Double(variant.floats.softmax(buffer.start, length))
        let largest = Double(values.max() ?? 0)
        let sum = values.reduce(0.0) { $0 + exp(Double($1) - largest) }
        #expect(abs(logarithm - (largest + log(sum))) < 1e-5)
        for (value, result) in zip(values, buffer.values) {
            let exact = exp(Double(value) - largest) / sum
            let distance = largest - Double(value)
            let budget = 1e-6 + (distance.isFinite ? distance * 0x1p-23 : 0)
            #expect(abs(Double(result) - exact) <= budget * exact + 1e-37)
        }
    }

    @Test(arguments: Variant.available) func softmaxHoldsAtTheEnds(variant: Variant) {
        let buffer = GuardedBuffer<Float>([3.0e38, -3.0e38, 0, -.infinity, 3.0e38])
        _ = variant.floats.softmax(buffer.start, 5)
        #expect(buffer.values == [0.5, 0, 0, 0, 0.5])
    }

    @Test(arguments: Variant.available, [1, 3, 8, 16, 17, 64, 100]) func gruGatesAndTheirGradient(variant: Variant, width: Int) {
        var generator = TestGenerator(state: UInt64(width))
        // Extremes must saturate, not overflow.
        var inputValues = generator.floats(3 * width, 4)
        inputValues[0] = 1000
        inputValues[width] = -1000
        let (input, hidden) = (GuardedBuffer(inputValues), GuardedBuffer(generator.floats(3 * width, 4)))
        let (previous, gradient) = (GuardedBuffer(generator.floats(width)), GuardedBuffer(generator.floats(width)))
        let gates = GuardedBuffer([Float](repeating: .nan, count: 3 * width))
        let next = GuardedBuffer([Float](repeating: .nan, count: width))
        variant.floats.gru_gates(input.start, hidden.start, previous.start, gates.start, next.start, width)
        let (dInput, dHidden) = (GuardedBuffer([Float](repeating: .nan, count: 3 * width)), GuardedBuffer([Float](repeating: .nan, count: 3 * width)))
        let dPrevious = GuardedBuffer([Float](repeating: .nan, count: width))
        variant.floats.gru_gates_backward(
            gates.start, hidden.start, previous.start, gradient.start, dInput.start, dHidden.start, dPrevious.start, width)

        func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
        let (x, h) = (inputValues.map(Double.init), hidden.values.map(Double.init))
        for i in 0..<width {
            let r = sigmoid(x[i] + h[i])
            let z = sigmoid(x[width + i] + h[width + i])
            let n = tanh(x[2 * width + i] + r * h[2 * width + i])
            let before = Double(previous.values[i])
            let g = Double(gradient.values[i])
            let throughN = g * (1 - z) * (1 - n * n)
            let expected = [
                (Double(next.values[i]), (1 - z) * n + z * before), (Double(dInput.values[2 * width + i]), throughN),
                (Double(dInput.values[width + i]), g * (before - n) * z * (1 - z)),
                (Double(dInput.values[i]), throughN * h[2 * width + i] * r * (1 - r)),
                (Double(dHidden.values[2 * width + i]), throughN * r), (Double(dPrevious.values[i]), g * z),
            ]
            for (result, exact) in expected { #expect(abs(result - exact) < 5e-6) }
        }
    }

    @Test(arguments: Variant.available, awkwardLengths) func stepsOfAdam(variant: Variant, length: Int) {
        var generator = TestGenerator(state: UInt64(length) + 3)
        let (w, g) = (GuardedBuffer(generator.floats(length)), GuardedBuffer(generator.floats(length)))
        let (m, v) = (GuardedBuffer(generator.floats(length)), GuardedBuffer(generator.floats(length).map(abs)))
        let (m0, v0, w0) = (m.values, v.values, w.values)
        variant.floats.adam(w.start, m.start, v.start, g.start, 0.5, 0.01, 0.9, 0.999, 2, 1e-8, length)
        for place in 0..<length {
            let slope = 0.5 * Double(g.values[place])
            let first = 0.9 * Double(m0[place]) + 0.1 * slope
            let second = 0.999 * Double(v0[place]) + 0.001 * slope * slope
            let exact = Double(w0[place]) - 0.01 * first / (second.squareRoot() * 2 + 1e-8)
            #expect(abs(Double(m.values[place]) - first) < 1e-6)
            #expect(abs(Double(v.values[place]) - second) < 1e-6)
            #expect(abs(Double(w.values[place]) - exact) < 1e-5 * (1 + abs(exact)))
        }
    }

    @Test(arguments: Variant.available, awkwardLengths) func everyWordIsRead(variant: Variant, length: Int) {
        var generator = TestGenerator(state: UInt64(length))
        let words = GuardedBuffer((0..<length).map { _ in generator.next() })
        #expect(variant.floats.read_words(words.start, length) == words.values.reduce(0, ^))
    }

    @Test(arguments: Variant.available) func magnitudeFindsWhatIsNotFinite(variant: Variant) {
        for length in awkwardLengths {
            var values = [Float](repeating: -0.0, count: length)
            #expect(variant.floats.magnitude(GuardedBuffer(values).start, length) == 0)
            values[length - 1] = -3.5
            #expect(variant.floats.magnitude(GuardedBuffer(values).start, length) == 3.5)
            for bad in [Float.nan, -.nan, .infinity, -.infinity, .signalingNaN] {
                values[length / 2] = bad
                #expect(variant.floats.magnitude(GuardedBuffer(values).start, length) == .infinity)
            }
        }
    }

    @Test(arguments: Variant.available, awkwardLengths) func quantizationIsWithinHalfAStep(variant: Variant, length: Int) {
        var generator = TestGenerator(state: UInt64(length) + 11)
        var values = generator.floats(length, 2)
        values[0] = -2
        let source = GuardedBuffer(values)
        let scale = variant.floats.magnitude(source.start, length) / 127
        let (result, plain) = (GuardedBuffer([Int8](repeating: 99, count: length)), GuardedBuffer([Int8](repeating: 99, count: length)))
        variant.floats.quantize(source.start, scale, result.start, length)
        kn_float_plain.quantize(source.start, scale, plain.start, length)
        #expect(result.values == plain.values)
        #expect(result.values[0] == -127)
        for (value, quantized) in zip(values, result.values) {
            // Half a step, and the rounding of the division.
            #expect(abs(value - Float(quantized) * scale) <= scale * 0.50002)
        }
    }

    /// Row by row what `magnitude` and `quantize` give, up to the first row that is not finite.
    @Test(arguments: Variant.available, awkwardLengths) func rowsAreQuantizedTogether(variant: Variant, length: Int) {
        var generator = TestGenerator(state: UInt64(length) + 12)
        // Some kernels do four rows at once, and sixteen.
        let rows = 39
        var values = generator.floats(rows * length, 3)
        for place in length..<2 * length { values[place] = place % 2 == 0 ? 0 : 1e-33 }
        for badRow in [rows, 38, 21, 3] {
            if badRow < rows { values[badRow * length + length / 2] = .nan }
            let source = GuardedBuffer(values)
            let results = GuardedBuffer([Int8](repeating: 99, count: rows * length))
            var queries = (0..<rows).map {
                kn_packed_query(values: results.start + $0 * length, correction: 1, scale: -1)
            }
            #expect(variant.floats.quantize_rows(source.start, length, rows, length, &queries) == badRow)
            for row in 0..<badRow {
                let magnitude = kn_float_plain.magnitude(source.start + row * length, length)
                let scale = magnitude < 1e-30 ? 1 : magnitude / 127
                var expected = [Int8](repeating: 0, count: length)
                kn_float_plain.quantize(source.start + row * length, scale, &expected, length)
                #expect(results.values[row * length..<(row + 1) * length] == expected[...])
                #expect(queries[row].scale == scale)
                #expect(queries[row].correction == 128 * expected.reduce(Int32(0)) { $0 + Int32($1) })
            }
        }
    }
}
