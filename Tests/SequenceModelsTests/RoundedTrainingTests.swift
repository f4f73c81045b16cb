import Tensors
import Testing

@testable import SequenceModels

/// A large batch may be multiplied in bfloat16, and its products are written over what was there: neither may show
/// beyond rounding.
@Suite struct RoundedTrainingTests {
    /// The kinds of encoder, a convolution with either network.
    enum Kind: String, CaseIterable, Sendable {
        case gru, attention, textbook, dilated
    }

    private static let width = 64

    private func subject(_ kind: Kind) -> EncoderSubject {
        var shape = ConvolutionConfiguration()
        shape.network = ConvolutionConfiguration.Network(rawValue: kind.rawValue) ?? .textbook
        return EncoderSubject(dimensions: Self.width, scatter: 0) {
            (EncoderKind(rawValue: kind.rawValue) ?? .convolution)
                .makeEncoder(convolution: shape, positionsMax: 400, dimensions: Self.width, using: &$0)
        }
    }

    private func isConvolution(_ kind: Kind) -> Bool { kind == .textbook || kind == .dilated }

    /// The slope of a position depends on what it reads only, not on where it lies in a batch.
    private static func slopes(of batch: SequenceBatch) -> Matrix {
        var slopes = Matrix(rows: batch.positionCount, columns: width)
        for position in 0..<batch.positionCount {
            let item = Int(batch.inputs[position])
            for column in 0..<width { slopes[position, column] = Float((item * 7 + column * 13) % 11 - 5) / 5 }
        }
        return slopes
    }

    /// The gradient of every tensor, one behind another, added up over some batches.
    private func gradient(_ subject: EncoderSubject, _ batches: [[[SessionEvent]]]) -> [Double] {
        var sums: [Double] = []
        let table = EncoderSubject.table(dimensions: Self.width)
        for windows in batches {
            let batch = EncoderSubject.batch(windows)
            var rows = RowGradients(slotsMax: EncoderSubject.items, dimensions: Self.width)
            var dropout = Dropout.none
            subject.encoder.clearGradients()
            subject.encoder.forward(batch, table, dropout: &dropout)
            subject.encoder.backward(batch, table, hiddenGradient: Self.slopes(of: batch), rows: &rows)
            var place = 0
            subject.encoder.forEachParameter { parameter in
                for row in 0..<parameter.rows {
                    for column in 0..<parameter.columns {
                        if sums.count == place { sums.append(0) }
                        sums[place] += Double(parameter.gradient[row, column])
                        place += 1
                    }
                }
            }
        }
        return sums
    }

    /// Windows alone are too small to be rounded: their gradients add up to that of all of them together.
    @Test(arguments: Kind.allCases) func aLargeBatchHasTheGradientOfItsWindows(kind: Kind) {
        let subject = subject(kind)
        let windows = EncoderSubject.windows((0..<60).map { 1 + $0 % 7 }, seed: 12)
        let together = gradient(subject, [windows])
        let alone = gradient(subject, windows.map { [$0] })
        let error = zip(together, alone).reduce(0.0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
        let length = alone.reduce(0.0) { $0 + $1 * $1 }.squareRoot()
        #expect(length > 1)
        // Rounding may make the other of two the larger, or bring a sum over the corner of a ReLU: convolutions have both.
        #expect(error < (isConvolution(kind) ? 0.03 : 0.01) * length, "\(error) of \(length)")
    }

    /// A step may take its windows in parts: what is written first is added to afterwards.
    @Test(arguments: Kind.allCases) func theGradientsOfPartsAddUp(kind: Kind) {
        let subject = subject(kind)
        let windows = EncoderSubject.windows((0..<30).map { 1 + $0 % 7 }, seed: 13)
        var batch = SequenceBatch(positionsMax: 400)
        for window in windows { batch.append((window + [SessionEvent(item: 0)]).span) { _ in 1 } }
        var parts: [Range<Int>] = []
        while case let part = batch.part(from: parts.last?.upperBound ?? 0, positionsMax: 25), !part.isEmpty { parts.append(part) }
        #expect(parts.count > 3 && parts.first?.lowerBound == 0 && parts.last?.upperBound == windows.count)
        for (before, after) in zip(parts, parts.dropFirst()) { #expect(before.upperBound == after.lowerBound) }

        let table = EncoderSubject.table(dimensions: Self.width)
        var rows = RowGradients(slotsMax: EncoderSubject.items, dimensions: Self.width)
        var dropout = Dropout.none
        subject.encoder.clearGradients()
        for part in parts {
            batch.arrange(part)
            #expect(batch.positionCount <= 25 && batch.order.sorted() == Array(part))
            subject.encoder.forward(batch, table, dropout: &dropout)
            subject.encoder.backward(batch, table, hiddenGradient: Self.slopes(of: batch), rows: &rows)
        }
        var (difference, length, place) = (0.0, 0.0, 0)
        let alone = gradient(self.subject(kind), windows.map { [$0] })
        subject.encoder.forEachParameter { parameter in
            for row in 0..<parameter.rows {
                for column in 0..<parameter.columns {
                    let (value, expected) = (Double(parameter.gradient[row, column]), alone[place])
                    (difference, length, place) = (difference + (value - expected) * (value - expected), length + expected * expected, place + 1)
                }
            }
        }
        // A part that was lost, or counted twice, would be a fifth of it; of convolutions, see above.
        #expect(length > 1 && difference < (isConvolution(kind) ? 4e-3 : 1e-4) * length, "\(difference) of \(length)")
    }

    @Test(arguments: Kind.allCases) func aStepForgetsTheGradientBefore(kind: Kind) {
        let windows = EncoderSubject.windows([5, 2, 9], seed: 4)
        let (fresh, used) = (subject(kind), subject(kind))
        used.encoder.forEachParameter { $0.gradient.fill(1e6, rows: 0..<$0.rows) }
        #expect(gradient(used, [windows]) == gradient(fresh, [windows]))
    }

    /// A mask costs a draw a value, in the order of the rows: a checkpoint goes on with the very numbers.
    @Test(arguments: [5, 16, 64]) func masksAreTheGeneratorsNumbers(columns: Int) {
        var dropout = Dropout(rate: 0.3, seed: 9)
        var mask = Matrix(rows: 6, columns: columns)
        dropout.draw(&mask, rows: 2..<5)
        var generator = SeededGenerator(seed: 9)
        for row in 2..<5 {
            for column in 0..<columns {
                let (value, expected): (Float, Float) = (mask[row, column], generator.nextUnit() < 0.3 ? 0 : 1 / (1 - 0.3))
                #expect(value == expected)
            }
        }
        #expect(dropout.generator.state == generator.state)
        let untouched = mask[5, 0]
        #expect(untouched == 0)
    }
}
