import Foundation
import Tensors
import Testing

@testable import SequenceModels

/// A file of what PyTorch computed of an encoder, made by a script beside it, and the same model here.
struct GoldenFile: Decodable, Sendable {
    var format: String
    var version: Int
    var items: Int
    var width: Int
    /// Item, type, gap and repetition of each event.
    var windows: [[[Int]]]
    var weights: [Float]
    var negatives: [ItemIndex]
    var log_expected: [Float]
    var rate: Float
    var epsilon: Float
    var dense_rate: Float
    var parameters: [String: [Float]]
    var hidden: [Float]
    var loss: Float
    var gradients: [String: [Float]]
    var losses: [Float]
    var final_table: [Float]

    // Attention.
    var blocks: Int?
    var expansion: Int?
    var distances: Int?
    var input_scale: Float?
    // Convolution.
    var length: Int?
    var filters: Int?
    var dilations: [Int]?

    static let positionsMax = 16

    /// - Parameter name: of the file, and in its format.
    init(_ name: String) throws {
        self = try Self.decode(Self.self, name)
        try #require(format == "freshet-golden-" + name && version == 1)
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Golden/\(name).json")
        return try JSONDecoder().decode(type, from: Data(contentsOf: path))
    }

    func table() throws -> EmbeddingTable {
        let vectors = try #require(parameters["table"])
        return EmbeddingTable.of(vectors, biases: try #require(parameters["biases"]), width: width)
    }

    /// The encoder of the file's name with the file's tensors; everything that the file does not name is zero.
    func encoder() throws -> any SequenceEncoder {
        let encoder = bareEncoder()
        var taken = 0
        encoder.forEachParameter { parameter in
            guard let values = parameters[parameter.name] else { return }
            parameter.value.take(values)
            taken += 1
        }
        // All but the table and its biases.
        try #require(taken == parameters.count - 2)
        return encoder
    }

    private func bareEncoder() -> any SequenceEncoder {
        var generator = SeededGenerator(seed: 1)
        if let blocks, let expansion, let distances, let input_scale {
            var configuration = AttentionConfiguration()
            configuration.blocks = blocks
            configuration.expansion = expansion
            configuration.distancesMax = distances
            configuration.inputScale = input_scale
            // There every weight moves at one rate.
            configuration.addedShare = 1
            configuration.activation = .silu
            return AttentionEncoder(
                configuration, positionsMax: Self.positionsMax, dimensions: width, using: &generator)
        }
        if let length, let filters, let dilations {
            var configuration = ConvolutionConfiguration()
            configuration.network = format.hasSuffix("dilated") ? .dilated : .textbook
            configuration.length = length
            configuration.filters = filters
            configuration.dilations = dilations
            return ConvolutionEncoder(
                configuration, positionsMax: Self.positionsMax, dimensions: width, using: &generator)
        }
        return GRUEncoder(positionsMax: Self.positionsMax, dimensions: width, using: &generator)
    }

    func batch() -> SequenceBatch {
        var batch = SequenceBatch(positionsMax: Self.positionsMax)
        for window in windows {
            let first = batch.positionCount
            let events = window.map { SessionEvent(item: ItemIndex($0[0]), type: UInt8($0[1]), gap: UInt8($0[2])) }
            batch.append(events.span) { weights[first + $0] }
        }
        batch.arrange()
        return batch
    }

    func negativeSample() -> NegativeSample {
        var sample = NegativeSample(count: negatives.count)
        sample.items = negatives
        sample.logExpectedCounts = log_expected
        return sample
    }

    func softmax() -> SampledSoftmax {
        SampledSoftmax(
            temperature: nil, positionsMax: Self.positionsMax, negativesMax: negatives.count, dimensions: width)
    }
}

extension EmbeddingTable {
    /// A table of some vectors, one after another, with their biases.
    static func of(_ vectors: [Float], biases: [Float], width: Int) -> EmbeddingTable {
        var table = EmbeddingTable(capacity: biases.count, dimensions: width)
        var generator = SeededGenerator(seed: 1)
        for (item, bias) in biases.enumerated() {
            table.initializeRow(ItemIndex(item), limit: 1, bias: bias, using: &generator)
            for column in 0..<width { table.vectors[item, column] = vectors[item * width + column] }
        }
        return table
    }
}

extension RowGradients {
    /// The gradient of every row of a table, zero where none was touched.
    func dense(items: Int, width: Int) -> (vectors: [Float], biases: [Float]) {
        var vectors = [Float](repeating: 0, count: items * width)
        var biases = [Float](repeating: 0, count: items)
        for slot in 0..<count {
            let item = Int(self.item(at: slot))
            biases[item] = bias(at: slot)
            withVector(at: slot) { for column in 0..<width { vectors[item * width + column] = $0[column] } }
        }
        return (vectors, biases)
    }
}

extension Matrix {
    /// The first rows, one after another, without padding.
    func values(rows: Int) -> [Float] {
        var values: [Float] = []
        for row in 0..<rows { withRow(row) { for column in 0..<columns { values.append($0[column]) } } }
        return values
    }

    mutating func take(_ values: [Float]) {
        precondition(values.count == rows * columns, "a value for every place")
        for (place, value) in values.enumerated() { self[place / columns, place % columns] = value }
    }
}

/// The largest difference of two lists of one length.
func distance(_ left: [Float], _ right: [Float]) -> Float {
    guard left.count == right.count else { return .infinity }
    return zip(left, right).map { abs($0 - $1) }.max() ?? 0
}
