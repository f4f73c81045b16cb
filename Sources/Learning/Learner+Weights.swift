internal import Checkpoints
public import SequenceModels
internal import Tensors

// D = hidden width

/// What is kept of an item beside others' parameters.
public enum ItemPart: Sendable {
    /// [D]
    case vector
    /// One number.
    case bias
}

/// What was learned, as little-endian floats.
extension Learner {
    /// A part of some item rows, one after another.
    public func itemBytes(_ part: ItemPart, rows: Range<Int>) -> [UInt8] {
        var writer = ByteWriter(reserving: 4 * rows.count * (part == .vector ? table.dimensions : 1))
        for row in rows {
            switch part {
            case .vector: table.vectors.withRow(row) { writer.write($0) }
            case .bias: writer.write(table.biases[0, row])
            }
        }
        return writer.bytes
    }

    /// Takes over the values of a dense tensor; its moments begin anew.
    ///
    /// - Returns: false where there are too few numbers or too many, or one is not finite.
    public mutating func replaceTensor(_ name: String, with bytes: [UInt8]) -> Bool {
        guard let values = Self.floats(bytes) else { return false }
        var isTaken = false
        encoder.forEachParameter { parameter in
            guard parameter.name == name, values.count == parameter.rows * parameter.columns else { return }
            isTaken = true
            for row in 0..<parameter.rows {
                for column in 0..<parameter.columns {
                    parameter.value[row, column] = values[row * parameter.columns + column]
                }
            }
            parameter.firstMoment.fill(0, rows: 0..<parameter.rows)
            parameter.secondMoment.fill(0, rows: 0..<parameter.rows)
        }
        return isTaken
    }

    /// Takes over the vector and the bias of a row in use.
    ///
    /// - Returns: as `replaceTensor`.
    public mutating func replaceItem(_ item: ItemIndex, vector: [UInt8], bias: [UInt8]) -> Bool {
        guard let values = Self.floats(vector), values.count == table.dimensions,
            let bias = Self.floats(bias), bias.count == 1
        else { return false }
        let row = Int(item)
        for (column, value) in values.enumerated() { table.vectors[row, column] = value }
        table.biases[0, row] = bias[0]
        table.forgetMoments(of: item)
        if configuration.temperature != nil { table.normalizeRow(item, tolerance: Self.lengthTolerance) }
        return true
    }

    /// The replaced parameters are a version of their own, and good.
    public mutating func finishReplacing() {
        optimizer.step = 0
        version += 1
        markGood()
    }

    private static func floats(_ bytes: [UInt8]) -> [Float]? {
        guard bytes.count % 4 == 0 else { return nil }
        var reader = ByteReader(bytes)
        var values: [Float] = []
        values.reserveCapacity(bytes.count / 4)
        // The count was checked: reading cannot end too early.
        while let value = try? reader.readFloat() {
            guard value.isFinite else { return nil }
            values.append(value)
        }
        return values
    }
}
