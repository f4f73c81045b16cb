public import Checkpoints
public import SequenceModels
internal import Tensors

extension Learner {
    /// Takes a row into use as a checkpoint kept it: vector [D], bias, both accumulators.
    ///
    /// - Parameter hasMoments: whether an optimizer's moments stand behind. They are left out where this learner's
    ///   wants none, and begin anew where it wants some.
    public mutating func restoreItem(
        _ item: ItemIndex, from reader: inout ByteReader, hasMoments: Bool
    ) throws(PayloadError) {
        let row = Int(item)
        addItem(item, after: [])
        let outcome: Result<Void, PayloadError> = table.vectors.withMutableRow(row) { vector in
            Self.read(&reader, into: &vector)
        }
        try outcome.get()
        table.biases[0, row] = try reader.readFloat()
        table.vectorAccumulators[0, row] = try reader.readFloat()
        table.biasAccumulators[0, row] = try reader.readFloat()
        if hasMoments {
            var moments: [Float] = []
            for _ in 0..<RowMoments.count(dimensions: table.dimensions) { moments.append(try reader.readFloat()) }
            table.restoreMoments(moments, of: item)
        }
        if configuration.temperature != nil { table.normalizeRow(item, tolerance: Self.lengthTolerance) }
    }

    /// What a vector's square may differ from one before it counts as learned without a temperature: one that was
    /// learned with it stays as it is, bit for bit.
    static let lengthTolerance: Float = 1e-3

    /// What the optimizer remembers of a row; nil where it needs nothing beside the accumulators.
    public func moments(of item: ItemIndex) -> [Float]? { table.moments(of: item) }

    /// Takes over the values and both moments of every dense tensor, each row-major floats.
    ///
    /// - Parameters:
    ///   - hasRepeatHead: false for a state that is older than the repeat head, which then begins anew.
    ///   - bytes: what was stored of the tensor of a name.
    public mutating func restoreTensors(
        hasRepeatHead: Bool, _ bytes: (String, TensorPart) throws(PayloadError) -> [UInt8]
    ) throws(PayloadError) {
        var failure: PayloadError?
        encoder.forEachParameter { parameter in
            guard failure == nil, hasRepeatHead || !RepeatHead.owns(parameter.name) else { return }
            do throws(PayloadError) {
                let name = parameter.name
                try Self.read(try bytes(name, .value), into: &parameter.value, name)
                try Self.read(try bytes(name, .firstMoment), into: &parameter.firstMoment, name)
                try Self.read(try bytes(name, .secondMoment), into: &parameter.secondMoment, name)
            } catch { failure = error }
        }
        if let failure { throw failure }
    }

    public mutating func restore(
        version: UInt64, generatorState: UInt64, dropoutState: UInt64, optimizerStep: Int
    ) {
        self.version = version
        generator.state = generatorState
        shares[0].dropout.generator.state = dropoutState
        optimizer.step = optimizerStep
    }

    /// Where dropout's own chance stands.
    public var dropoutState: UInt64 { shares[0].dropout.generator.state }

    public mutating func restoreRecent(_ items: [ItemIndex], nextSlot: Int) {
        sampler.restore(recent: items, nextSlot: nextSlot)
    }

    private static func read(_ bytes: [UInt8], into tensor: inout Matrix, _ name: String) throws(PayloadError) {
        guard bytes.count == 4 * tensor.rows * tensor.columns else {
            throw .inconsistent("\(name) has \(bytes.count) bytes")
        }
        var reader = ByteReader(bytes)
        for row in 0..<tensor.rows {
            try tensor.withMutableRow(row, { read(&reader, into: &$0) }).get()
        }
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

/// What is stored of a dense tensor.
public enum TensorPart: String, Sendable, CaseIterable {
    case value = ""
    case firstMoment = "first."
    case secondMoment = "second."
}
