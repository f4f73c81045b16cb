public import Events
public import Learning
internal import SequenceModels
internal import Tensors

/// The name and shape of a dense tensor.
public struct TensorShape: Equatable, Sendable {
    public var name: String
    public var rows: Int
    public var columns: Int
}

/// What is learned, out of an engine and into one, as little-endian floats row by row: for export and import.
extension Engine {
    /// The neural models, by name.
    public var memberNames: [String] { members.map(\.name) }

    /// Every dense tensor of every neural model.
    public var tensorShapes: [TensorShape] {
        var shapes: [TensorShape] = []
        for member in members {
            member.learner.encoder.forEachParameter {
                shapes.append(TensorShape(name: $0.name, rows: $0.rows, columns: $0.columns))
            }
        }
        return shapes
    }

    /// The values of a dense tensor; nil where there is none of that name.
    public func tensorBytes(_ name: String) -> [UInt8]? {
        var bytes: [UInt8]?
        for member in members {
            member.learner.encoder.forEachParameter { if $0.name == name { bytes = Self.bytes(of: $0.value) } }
        }
        return bytes
    }

    /// The item in a row below ``itemCount``.
    public func itemID(ofRow row: Int) -> ItemID { catalog.id(of: ItemIndex(row)) }

    /// The vectors, or the biases, of some item rows in one neural model; nil where there is none of that name.
    public func itemBytes(_ part: ItemPart, of member: String, rows: Range<Int>) -> [UInt8]? {
        guard let member = members.first(where: { $0.name == member }) else { return nil }
        return member.learner.itemBytes(part, rows: rows)
    }

    /// Takes over the values of a dense tensor; what its optimizer remembers of it begins anew.
    ///
    /// - Throws: `EngineError.weightsMismatch`; the engine is then of no more use.
    public mutating func replaceTensor(_ name: String, with bytes: [UInt8]) throws(EngineError) {
        for member in members where tensorNames(of: member).contains(name) {
            guard member.learner.replaceTensor(name, with: bytes) else {
                throw .weightsMismatch("\(name) has a number that is not finite, or not as many as the model's")
            }
        }
    }

    private func tensorNames(of member: NeuralMember) -> Set<String> {
        var names: Set<String> = []
        member.learner.encoder.forEachParameter { names.insert($0.name) }
        return names
    }

    /// The event types that have a vector of their own, in the order of their places.
    public var eventTypes: [String] { types.words }

    /// Gives event types the places that they had where the weights are from.
    ///
    /// - Throws: `EngineError.weightsMismatch` where this engine knows some by other places.
    public mutating func takeEventTypes(_ words: [String]) throws(EngineError) {
        for word in words { _ = types.admit(word) }
        guard Array(types.words.prefix(words.count)) == words else {
            throw .weightsMismatch(
                "its event types are \(words.joined(separator: ", ")), and the state's \(types.words.joined(separator: ", "))")
        }
    }

    /// Finds the row of an item, or takes one into use.
    ///
    /// - Throws: `EngineError.weightsMismatch` where there is no room: nobody has to leave for an item of a file.
    public mutating func admitItem(_ id: ItemID) throws(EngineError) -> (row: Int, isNew: Bool) {
        if let row = catalog.row(of: id) { return (Int(row), false) }
        guard catalog.count < catalog.capacity else {
            throw .weightsMismatch(
                "item \(id) is the \(catalog.capacity + 1)th: set model.max_items to more than \(catalog.capacity)")
        }
        return (Int(try admit(id, after: [])), true)
    }

    /// Takes over the vector and the bias of an item row in one neural model.
    ///
    /// - Throws: `EngineError.weightsMismatch` where a number is not finite, or there are not as many as the
    ///   model's.
    public mutating func replaceItem(
        row: Int, of member: String, vector: ArraySlice<UInt8>, bias: ArraySlice<UInt8>
    ) throws(EngineError) {
        guard let member = members.first(where: { $0.name == member }) else { return }
        let item = ItemIndex(row)
        guard member.learner.replaceItem(item, vector: Array(vector), bias: Array(bias)) else {
            throw .weightsMismatch("item \(catalog.id(of: item)) has a number that is not finite")
        }
        preserve(item: item)
        changes.touchItem(item)
        try member.refreshItem(item)
    }

    /// What was replaced is served from now on, and is what a roll-back goes back to.
    public mutating func finishReplacing() throws(EngineError) {
        for member in members {
            member.learner.finishReplacing()
            try member.refreshEncoder()
        }
    }
}
