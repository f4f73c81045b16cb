public import Checkpoints
public import Engine
internal import Events
internal import Foundation
internal import Learning

// V = item count, D = hidden width

/// A safetensors file of weights, and the way into an engine.
public final class ModelImport {
    private let reader: TensorFileReader
    /// What the file says that its model is; nil where Python saved it without saying so.
    public let model: ModelDescription?

    /// Items of the file that the engine knew, and that it had to take into use.
    public struct Summary: Equatable, Sendable {
        public var known = 0
        public var added = 0
    }

    /// Reads the header of a file.
    ///
    /// - Throws: `ModelFileError.unreadable`, and `.damaged` where it is no whole safetensors file.
    public init(path: String) throws(ModelFileError) {
        reader = try TensorFileReader(path: path)
        let words = reader.header.metadata
        guard words[ModelTensors.Word.format] == ModelTensors.Word.formatName,
            let encoder = words[ModelTensors.Word.encoder],
            let dimensions = words[ModelTensors.Word.dimensions].flatMap({ Int($0) }), (1...4096).contains(dimensions)
        else {
            model = nil
            return
        }
        let version = words[ModelTensors.Word.modelVersion].flatMap { UInt64($0) } ?? 0
        model = ModelDescription(encoder: encoder, dimensions: dimensions, modelVersion: version)
    }

    /// Replaces every weight of an engine, and takes items into use that it did not know. What it knows beside the
    /// file's items, and everything that is counted, stays.
    ///
    /// - Throws: `ModelFileError`; the engine may then be half replaced and is of no more use, and what is stored is
    ///   as it was.
    public func replace(weightsOf engine: inout Engine) throws(ModelFileError) -> Summary {
        let ids = try checkedIDs()
        try checkNamesAndShapes(engine, itemCount: ids.count)
        if let types = try eventTypes() { try take { () throws(EngineError) in try engine.takeEventTypes(types) } }
        for tensor in engine.tensorShapes {
            let bytes = try read(tensor.name)
            try take { () throws(EngineError) in try engine.replaceTensor(tensor.name, with: bytes) }
        }
        let summary = try replaceItems(ids, of: &engine)
        try take { () throws(EngineError) in try engine.finishReplacing() }
        return summary
    }

    private func replaceItems(_ ids: [ItemID], of engine: inout Engine) throws(ModelFileError) -> Summary {
        let vectorBytes = 4 * engine.modelDescription.dimensions
        var (summary, rows): (Summary, [Int]) = (Summary(), [])
        for id in ids {
            let admitted = try take { () throws(EngineError) in try engine.admitItem(id) }
            rows.append(admitted.row)
            if admitted.isNew { summary.added += 1 } else { summary.known += 1 }
        }
        for member in engine.memberNames {
            var first = 0
            while first < rows.count {
                let part = first..<min(first + ModelTensors.rowsMax, rows.count)
                let vectors = try read(
                    ModelTensors.embedding(member), bytes: part.lowerBound * vectorBytes..<part.upperBound * vectorBytes)
                let biases = try read(ModelTensors.bias(member), bytes: part.lowerBound * 4..<part.upperBound * 4)
                for (place, row) in rows[part].enumerated() {
                    let vector = vectors[place * vectorBytes..<(place + 1) * vectorBytes]
                    let bias = biases[place * 4..<(place + 1) * 4]
                    try take { () throws(EngineError) in
                        try engine.replaceItem(row: row, of: member, vector: vector, bias: bias)
                    }
                }
                first = part.upperBound
            }
        }
        return summary
    }

    /// The ids that the file names, each once.
    private func checkedIDs() throws(ModelFileError) -> [ItemID] {
        guard let ends = reader.header.tensors[ModelTensors.idEnds], ends.type == .int64, ends.shape.count == 1,
            let text = reader.header.tensors[ModelTensors.ids], text.type == .uint8, text.shape.count == 1
        else { throw doesNotFit("it has no \(ModelTensors.ids) of U8 with their \(ModelTensors.idEnds) of I64") }
        let (bytes, endBytes) = (try read(ModelTensors.ids), try read(ModelTensors.idEnds))
        var (ids, known, start): ([ItemID], Set<ItemID>, Int) = ([], [], 0)
        for place in 0..<ends.shape[0] {
            let word = endBytes[8 * place..<8 * place + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard let end = Int(exactly: word), end > start, end <= bytes.count else {
                throw doesNotFit("\(ModelTensors.idEnds) does not rise within \(ModelTensors.ids) at \(place)")
            }
            guard let word = String(validating: bytes[start..<end], as: UTF8.self), let id = ItemID(word) else {
                throw doesNotFit("the id of item \(place) is not 1 to 256 bytes of UTF-8")
            }
            guard known.insert(id).inserted else { throw doesNotFit("it names item \(id) twice") }
            ids.append(id)
            start = end
        }
        guard start == bytes.count else { throw doesNotFit("\(ModelTensors.ids) goes on after the last item") }
        return ids
    }

    /// Every tensor of the model is there, of the right type and shape, and nothing else is.
    private func checkNamesAndShapes(_ engine: borrowing Engine, itemCount: Int) throws(ModelFileError) {
        let wanted = engine.modelDescription
        if let model, model.encoder != wanted.encoder || model.dimensions != wanted.dimensions {
            throw doesNotFit(
                "it is of \(model.encoder), \(model.dimensions) wide, and the state of \(wanted.encoder), \(wanted.dimensions) wide")
        }
        // Only a file of ours says what it was learned with, or by saying nothing that it was plain products.
        let learned = reader.header.metadata[ModelTensors.Word.temperature] ?? "0"
        let temperature = engine.currentConfiguration.learner.temperature.map { "\($0)" } ?? "0"
        if model != nil, learned != temperature {
            throw doesNotFit("it was learned with learning.temperature \(learned), and the state with \(temperature)")
        }
        var expected: [String: [Int]] = [:]
        for tensor in engine.tensorShapes { expected[tensor.name] = ModelTensors.shape(tensor) }
        for member in engine.memberNames {
            expected[ModelTensors.embedding(member)] = [itemCount, wanted.dimensions]
            expected[ModelTensors.bias(member)] = [itemCount]
        }
        for (name, shape) in expected.sorted(by: { $0.key < $1.key }) {
            guard let entry = reader.header.tensors[name] else { throw doesNotFit("\(name) is missing") }
            guard entry.type == .float32 else { throw doesNotFit("\(name) is of \(entry.type.rawValue), not F32") }
            guard entry.shape == shape else { throw doesNotFit("\(name) has the shape \(entry.shape), not \(shape)") }
        }
        for name in reader.header.tensors.keys.sorted() where expected[name] == nil {
            guard name == ModelTensors.ids || name == ModelTensors.idEnds else {
                throw doesNotFit("the model has no \(name)")
            }
        }
    }

    private func eventTypes() throws(ModelFileError) -> [String]? {
        guard let text = reader.header.metadata[ModelTensors.Word.eventTypes] else { return nil }
        do {
            return try JSONDecoder().decode([String].self, from: Data(text.utf8))
        } catch {
            throw doesNotFit("\(ModelTensors.Word.eventTypes) is not a list of words")
        }
    }

    private func read(_ name: String, bytes: Range<Int>? = nil) throws(ModelFileError) -> [UInt8] {
        guard let entry = reader.header.tensors[name] else { throw doesNotFit("\(name) is missing") }
        return try reader.read(entry, bytes: bytes ?? 0..<entry.bytes.count)
    }

    private func doesNotFit(_ reason: String) -> ModelFileError { .doesNotFit(path: reader.path, reason: reason) }

    private func take<Result>(_ body: () throws(EngineError) -> Result) throws(ModelFileError) -> Result {
        do throws(EngineError) {
            return try body()
        } catch {
            if case .weightsMismatch(let what) = error { throw doesNotFit(what) }
            throw doesNotFit("\(error)")
        }
    }
}
