internal import Checkpoints
public import Engine
internal import Events
internal import Foundation
internal import Learning

// V = item count, D = hidden width

/// The weights of an engine as a safetensors file.
public enum ModelExport {
    /// - Parameter path: written beside its place first: what was there stays until the new file is whole.
    /// - Throws: `ModelFileError.writeFailed`.
    public static func write(_ engine: borrowing Engine, to path: String) throws(ModelFileError) {
        let ids = ids(of: engine)
        let header = header(of: engine, idBytes: ids.bytes.count)
        let writer = try TensorFileWriter(path: path, header: header)
        do throws(ModelFileError) {
            try write(engine, ids, in: header, to: writer)
        } catch {
            writer.abandon()
            throw error
        }
        try writer.finish()
    }

    private static func ids(of engine: borrowing Engine) -> (bytes: [UInt8], ends: [UInt8]) {
        var (bytes, ends): ([UInt8], [UInt8]) = ([], [])
        for row in 0..<engine.itemCount {
            bytes += Array(engine.itemID(ofRow: row).text.utf8)
            ends += (0..<8).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) }
        }
        return (bytes, ends)
    }

    /// Tensors of wide numbers first, so that each begins on a multiple of its own; else by name.
    private static func header(of engine: borrowing Engine, idBytes: Int) -> TensorHeader {
        let count = engine.itemCount
        var shapes: [(name: String, type: TensorType, shape: [Int])] = [(ModelTensors.idEnds, .int64, [count])]
        for tensor in engine.tensorShapes { shapes.append((tensor.name, .float32, ModelTensors.shape(tensor))) }
        let dimensions = engine.modelDescription.dimensions
        for member in engine.memberNames {
            shapes.append((ModelTensors.embedding(member), .float32, [count, dimensions]))
            shapes.append((ModelTensors.bias(member), .float32, [count]))
        }
        shapes.append((ModelTensors.ids, .uint8, [idBytes]))
        shapes.sort { ($1.type.size, $0.name) < ($0.type.size, $1.name) }
        var header = TensorHeader()
        var end = 0
        for (name, type, shape) in shapes {
            let size = shape.reduce(type.size, *)
            header.tensors[name] = TensorEntry(type: type, shape: shape, bytes: end..<end + size)
            end += size
        }
        let model = engine.modelDescription
        header.metadata = [
            ModelTensors.Word.format: ModelTensors.Word.formatName, ModelTensors.Word.formatVersion: "1",
            ModelTensors.Word.encoder: model.encoder, ModelTensors.Word.dimensions: "\(model.dimensions)",
            ModelTensors.Word.modelVersion: "\(model.modelVersion)",
        ]
        // A list of strings is always JSON.
        if let types = try? JSONEncoder().encode(engine.eventTypes) {
            header.metadata[ModelTensors.Word.eventTypes] = String(decoding: types, as: UTF8.self)
        }
        if let temperature = engine.currentConfiguration.learner.temperature {
            header.metadata[ModelTensors.Word.temperature] = "\(temperature)"
        }
        return header
    }

    private static func write(
        _ engine: borrowing Engine, _ ids: (bytes: [UInt8], ends: [UInt8]), in header: TensorHeader,
        to writer: TensorFileWriter
    ) throws(ModelFileError) {
        // A tensor of no bytes begins where the next one does: by name, it has nothing to write anyhow.
        let order = header.tensors.sorted { ($0.value.bytes.lowerBound, $0.key) < ($1.value.bytes.lowerBound, $1.key) }
        for (name, _) in order {
            if name == ModelTensors.ids {
                try writer.write(ids.bytes)
            } else if name == ModelTensors.idEnds {
                try writer.write(ids.ends)
            } else if let bytes = engine.tensorBytes(name) {
                try writer.write(bytes)
            } else {
                for member in engine.memberNames {
                    if name == ModelTensors.embedding(member) { try write(.vector, of: member, engine, to: writer) }
                    if name == ModelTensors.bias(member) { try write(.bias, of: member, engine, to: writer) }
                }
            }
        }
    }

    private static func write(
        _ part: ItemPart, of member: String, _ engine: borrowing Engine, to writer: TensorFileWriter
    ) throws(ModelFileError) {
        var first = 0
        while first < engine.itemCount {
            let rows = first..<min(first + ModelTensors.rowsMax, engine.itemCount)
            try writer.write(engine.itemBytes(part, of: member, rows: rows) ?? [])
            first = rows.upperBound
        }
    }
}
