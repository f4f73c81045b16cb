public import Checkpoints
public import SequenceModels
internal import Tensors

extension Learner {
    /// Takes a row into use as a checkpoint kept it: vector [D], bias, both accumulators.
    public mutating func restoreItem(_ item: ItemIndex, from reader: inout ByteReader) throws(PayloadError) {
        let row = Int(item)
        addItem(item)
        let outcome: Result<Void, PayloadError> = table.vectors.withMutableRow(row) { vector in
            Self.read(&reader, into: &vector)
        }
        try outcome.get()
        table.biases[0, row] = try reader.readFloat()
        table.vectorAccumulators[0, row] = try reader.readFloat()
        table.biasAccumulators[0, row] = try reader.readFloat()
    }

    /// Takes over one dense tensor with both of its Adam moments, each row-major floats.
    public mutating func restoreTensor(
        _ name: GRUParameters.Name, values: [UInt8], firstMoment: [UInt8], secondMoment: [UInt8]
    ) throws(PayloadError) {
        try Self.read(values, into: &parameters, name)
        try Self.read(firstMoment, into: &optimizer.firstMoment, name)
        try Self.read(secondMoment, into: &optimizer.secondMoment, name)
    }

    public mutating func restore(version: UInt64, generatorState: UInt64, optimizerStep: Int) {
        self.version = version
        generator.state = generatorState
        optimizer.step = optimizerStep
    }

    public mutating func restoreRecent(_ items: [ItemIndex], nextSlot: Int) {
        sampler.restore(recent: items, nextSlot: nextSlot)
    }

    private static func read(
        _ bytes: [UInt8], into tensors: inout GRUParameters, _ name: GRUParameters.Name
    ) throws(PayloadError) {
        let outcome: Result<Void, PayloadError> = tensors.withMutableTensor(name) { tensor in
            guard bytes.count == 4 * tensor.rows * tensor.columns else {
                return .failure(.inconsistent("\(name.rawValue) has \(bytes.count) bytes"))
            }
            var reader = ByteReader(bytes)
            for row in 0..<tensor.rows {
                if case .failure(let error) = tensor.withMutableRow(row, { read(&reader, into: &$0) }) { return .failure(error) }
            }
            return .success(())
        }
        try outcome.get()
    }

    /// As a value: the closures above cannot throw.
    private static func read(_ reader: inout ByteReader, into row: inout MutableSpan<Float>) -> Result<Void, PayloadError> {
        do throws(PayloadError) {
            try reader.read(into: &row)
            return .success(())
        } catch {
            return .failure(error)
        }
    }
}
