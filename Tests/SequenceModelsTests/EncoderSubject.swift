import Tensors

@testable import SequenceModels

/// An encoder of any kind, and what a test asks of it: its states of some windows, and the gradient of
/// Σ coefficient · state with respect to everything it reads.
struct EncoderSubject {
    static let items = 12
    let encoder: any SequenceEncoder
    let dimensions: Int

    /// - Parameter scatter: values of all tensors are drawn anew from ±scatter, so that none is zero by chance.
    init(dimensions: Int, scatter: Float, _ make: (inout SeededGenerator) -> any SequenceEncoder) {
        var generator = SeededGenerator(seed: 5)
        encoder = make(&generator)
        self.dimensions = dimensions
        guard scatter > 0 else { return }
        encoder.forEachParameter { parameter in
            let isGain = parameter.name.hasSuffix("norm.weight")
            for row in 0..<parameter.rows {
                for column in 0..<parameter.columns {
                    parameter.value[row, column] = generator.nextSymmetric(scatter) + (isGain ? 1 : 0)
                }
            }
        }
    }

    static func table(dimensions: Int) -> EmbeddingTable {
        var generator = SeededGenerator(seed: 6)
        var table = EmbeddingTable(capacity: items, dimensions: dimensions)
        for item in 0..<ItemIndex(items) { table.initializeRow(item, limit: 0.7, bias: 0, using: &generator) }
        return table
    }

    /// Windows of given lengths, items, types and gaps drawn by chance; small catalogues repeat.
    static func windows(_ lengths: [Int], seed: UInt64) -> [[SessionEvent]] {
        var generator = SeededGenerator(seed: seed)
        return lengths.map { length in
            (0..<length).map { _ in
                SessionEvent(
                    item: ItemIndex(generator.next(below: items)), type: UInt8(generator.next(below: 4)),
                    gap: UInt8(generator.next(below: SessionEvent.gapsMax)))
            }
        }
    }

    static func batch(_ windows: [[SessionEvent]]) -> SequenceBatch {
        var batch = SequenceBatch(positionsMax: windows.reduce(0) { $0 + $1.count })
        for window in windows {
            let events = window + [SessionEvent(item: 0)]
            batch.append(events.span) { _ in 1 }
        }
        batch.arrange()
        return batch
    }

    /// The states of each window, in the windows' order.
    func states(_ windows: [[SessionEvent]], _ table: borrowing EmbeddingTable) -> [[[Float]]] {
        let batch = Self.batch(windows)
        var dropout = Dropout.none
        encoder.forward(batch, table, dropout: &dropout)
        var states = [[[Float]]](repeating: [], count: windows.count)
        for step in batch.steps {
            for rank in 0..<step.count {
                let state = encoder.withHidden { hidden in
                    hidden.withRow(step.lowerBound + rank) { row in (0..<row.count).map { row[$0] } }
                }
                states[batch.order[rank]].append(state)
            }
        }
        return states
    }

    /// What a state counts in the sum that is differentiated, at a position of the batch: neither symmetric nor zero.
    private static func coefficient(_ position: Int, _ column: Int) -> Float {
        Float((position * 7 + column * 13) % 11 - 5) / 5 + 0.05
    }

    /// Σ coefficient · state, in double.
    private func value(_ batch: SequenceBatch, _ table: borrowing EmbeddingTable) -> Double {
        var dropout = Dropout.none
        encoder.forward(batch, table, dropout: &dropout)
        return encoder.withHidden { hidden in
            var sum = 0.0
            for position in 0..<batch.positionCount {
                for column in 0..<dimensions {
                    sum += Double(Self.coefficient(position, column)) * Double(hidden[position, column])
                }
            }
            return sum
        }
    }

    /// A place of a tensor, or of the item table, with its gradient by the backward pass and by central differences.
    struct Slope {
        let name: String
        let analytic: Double
        let numeric: Double
    }

    /// Compares the two ways to the gradient at every `stride`th place of everything that is read.
    ///
    /// - Parameter step: float rounds at 1e-7; too small a step measures that, too large one the curvature.
    func slopes(_ windows: [[SessionEvent]], stride: Int, step: Float) -> [Slope] {
        var table = Self.table(dimensions: dimensions)
        let batch = Self.batch(windows)
        var gradient = Matrix(rows: batch.positionCount, columns: dimensions)
        for position in 0..<batch.positionCount {
            for column in 0..<dimensions { gradient[position, column] = Self.coefficient(position, column) }
        }
        var rows = RowGradients(slotsMax: Self.items, dimensions: dimensions)
        var dropout = Dropout.none
        encoder.clearGradients()
        encoder.forward(batch, table, dropout: &dropout)
        encoder.backward(batch, table, hiddenGradient: gradient, rows: &rows)

        var slopes: [Slope] = []
        for slot in 0..<rows.count {
            let item = Int(rows.item(at: slot))
            for column in Swift.stride(from: 0, to: dimensions, by: max(1, stride / 4)) {
                let before = table.vectors[item, column]
                table.vectors[item, column] = before + step
                let above = value(batch, table)
                table.vectors[item, column] = before - step
                let below = value(batch, table)
                table.vectors[item, column] = before
                slopes.append(
                    Slope(
                        name: "item \(item)[\(column)]", analytic: Double(rows.withVector(at: slot) { $0[column] }),
                        numeric: (above - below) / (2 * Double(step))))
            }
        }
        for place in places(stride: stride) {
            let analytic = change(place) { Double($0.gradient[place.row, place.column]) }
            let before = change(place) { $0.value[place.row, place.column] }
            change(place) { $0.value[place.row, place.column] = before + step }
            let above = value(batch, table)
            change(place) { $0.value[place.row, place.column] = before - step }
            let below = value(batch, table)
            change(place) { $0.value[place.row, place.column] = before }
            slopes.append(
                Slope(
                    name: "\(place.name)[\(place.row), \(place.column)]", analytic: analytic,
                    numeric: (above - below) / (2 * Double(step))))
        }
        return slopes
    }

    private struct Place {
        let name: String
        let row: Int
        let column: Int
    }

    /// Every `stride`th value of the tensors; of what is read beside items, place 0 is zero for good.
    private func places(stride: Int) -> [Place] {
        var places: [Place] = []
        var count = 0
        encoder.forEachParameter { parameter in
            let first = parameter.name.hasSuffix("_embedding") ? 1 : 0
            for row in first..<parameter.rows {
                for column in 0..<parameter.columns {
                    if count % stride == 0 { places.append(Place(name: parameter.name, row: row, column: column)) }
                    count += 1
                }
            }
        }
        return places
    }

    @discardableResult
    private func change<R>(_ place: Place, _ body: (inout Parameter) -> R) -> R {
        var result: R?
        encoder.forEachParameter { if $0.name == place.name { result = body(&$0) } }
        guard let result else { preconditionFailure("a tensor of that name") }
        return result
    }
}
