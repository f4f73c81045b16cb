internal import Tensors

// P = positions of a batch, D = width, F = width of the feed-forward layer

/// What the blocks of an `AttentionEncoder` use one after another and leave nothing in.
struct AttentionScratch: ~Copyable {
    /// A layer's result, or the gradient of its input, [P x D].
    var result: Matrix
    /// [P x F]
    var wide: Matrix
    /// Gradients, [P x D] each.
    var attended: Matrix
    var queries: Matrix
    var keys: Matrix
    var values: Matrix
    /// The score's offset for each distance, or its gradient, the last column that of distance 0, [heads x P].
    var offsets: Matrix
    /// Whether the step leaves values out.
    var isDropping = false

    init(_ configuration: AttentionConfiguration, positionsMax: Int, dimensions: Int) {
        result = Matrix(rows: positionsMax, columns: dimensions)
        wide = Matrix(rows: positionsMax, columns: configuration.expansion * dimensions)
        attended = Matrix(rows: positionsMax, columns: dimensions)
        queries = Matrix(rows: positionsMax, columns: dimensions)
        keys = Matrix(rows: positionsMax, columns: dimensions)
        values = Matrix(rows: positionsMax, columns: dimensions)
        offsets = Matrix(rows: configuration.heads, columns: positionsMax)
    }

    /// The offsets of windows of up to `length` positions from those of a block, [heads x distances].
    mutating func spread(_ distances: borrowing Matrix, length: Int) {
        for head in 0..<offsets.rows {
            for distance in 0..<length {
                offsets[head, offsets.columns - 1 - distance] = distances[head, min(distance, distances.columns - 1)]
            }
        }
    }

    /// The way back of ``spread(_:length:)``; added to.
    func collect(into distances: inout Matrix, length: Int) {
        for head in 0..<offsets.rows {
            for distance in 0..<length {
                distances[head, min(distance, distances.columns - 1)] += offsets[head, offsets.columns - 1 - distance]
            }
        }
    }

    mutating func clearOffsets(length: Int) {
        for head in 0..<offsets.rows {
            offsets.fillRow(head, columns: offsets.columns - length..<offsets.columns, with: 0)
        }
    }
}
