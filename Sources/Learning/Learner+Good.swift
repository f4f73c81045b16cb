public import Checkpoints
public import SequenceModels
internal import Tensors

// D = hidden width

/// The way back to the last good parameters, as a checkpoint keeps it: a restart does not shorten it.
extension Learner {
    /// Tells the points apart: grows with each.
    public var goodPoint: UInt32 { good.point }

    /// Writes the row that ``rollBack()`` would put back: the point at which it was saved, 0 where it has not
    /// changed since the last one, then vector [D], bias, both accumulators.
    public func writeGood(_ item: ItemIndex, to writer: inout ByteWriter) {
        guard let place = good.place(of: item) else { return writer.write(UInt32(0)) }
        writer.write(good.point)
        good.withRow(place) { vector, scalars in
            writer.write(vector)
            writer.write(scalars)
        }
    }

    /// Takes over what ``writeGood(_:to:)`` wrote; the point itself comes after all rows.
    public mutating func restoreGood(_ item: ItemIndex, from reader: inout ByteReader) throws(PayloadError) {
        let point = try reader.read(UInt32.self)
        guard point != 0 else { return }
        let vector = try Self.floats(configuration.dimensions, from: &reader)
        good.restore(item, savedAt: point, vector: vector, scalars: try Self.floats(3, from: &reader))
    }

    /// The point itself: its number, the optimizer's step, then every dense tensor with its moments.
    public var goodBytes: [UInt8] {
        var writer = ByteWriter(reserving: 4 * good.dense.reduce(0) { $0 + $1.count } + 12)
        writer.write(good.point)
        writer.write(UInt64(good.optimizerStep))
        for tensor in good.dense { writer.write(tensor.span) }
        return writer.bytes
    }

    /// Goes on from ``goodBytes``.
    ///
    /// - Parameter hasRepeatHead: as in ``restoreTensors(hasRepeatHead:_:)``.
    public mutating func restoreGood(_ bytes: [UInt8], hasRepeatHead: Bool) throws(PayloadError) {
        var reader = ByteReader(bytes)
        let point = try reader.read(UInt32.self)
        let step = Int(clamping: try reader.read(UInt64.self))
        var dense: [[Float]] = []
        // The head's tensors are an encoder's last ones.
        let new = hasRepeatHead ? 0 : RepeatHead.tensors * TensorPart.allCases.count
        for tensor in good.dense.dropLast(new) { dense.append(try Self.floats(tensor.count, from: &reader)) }
        dense += good.dense.suffix(new)
        guard reader.isAtEnd, good.restore(point: point, dense: dense, optimizerStep: step) else {
            throw .inconsistent("the last good parameters")
        }
    }

    private static func floats(_ count: Int, from reader: inout ByteReader) throws(PayloadError) -> [Float] {
        var values = [Float](repeating: 0, count: count)
        var span = values.mutableSpan
        try reader.read(into: &span)
        return values
    }
}
