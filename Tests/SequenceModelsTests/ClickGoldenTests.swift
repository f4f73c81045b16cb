import Tensors
import Testing

@testable import SequenceModels

/// The whole of click prediction beside PyTorch: probabilities, the loss, every gradient, and ten steps.
@Suite struct ClickGoldenTests {
    private struct File: Decodable {
        var format: String
        var version: Int
        var items: Int
        var width: Int
        var length: Int
        var filters: Int
        /// Item, type, gap and repetition of each event; the last is the item in question.
        var pairs: [[[Int]]]
        var labels: [Bool]
        var dense_rate: Float
        var parameters: [String: [Float]]
        var probabilities: [Float]
        var loss: Float
        var gradients: [String: [Float]]
        var losses: [Float]
        var final_table: [Float]

        init() throws {
            self = try GoldenFile.decode(Self.self, "click")
            try #require(format == "freshet-golden-click" && version == 1)
        }

        func window(_ pair: Int) -> [SessionEvent] {
            pairs[pair].dropLast().map { SessionEvent(item: ItemIndex($0[0]), type: UInt8($0[1]), gap: UInt8($0[2])) }
        }

        func item(_ pair: Int) throws -> ItemIndex { ItemIndex(try #require(pairs[pair].last)[0]) }

        /// The network with the file's tensors.
        func network() throws -> ClickNetwork {
            var configuration = ConvolutionConfiguration()
            configuration.network = .textbook
            configuration.length = length
            configuration.filters = filters
            let network = ClickNetwork(configuration, dimensions: width, itemsMax: items, rate: dense_rate, seed: 1)
            let vectors = try #require(parameters["table"])
            network.table = EmbeddingTable.of(vectors, biases: try #require(parameters["biases"]), width: width)
            var taken = 2
            func take(_ parameter: inout Parameter) {
                guard let values = parameters[parameter.name] else { return }
                parameter.value.take(values)
                taken += 1
            }
            network.encoder.forEachParameter(take)
            take(&network.weights)
            take(&network.bias)
            try #require(taken == parameters.count)
            return network
        }

        func stage(in network: ClickNetwork) throws {
            for pair in pairs.indices {
                let window = window(pair)
                let isTaken = network.stage(try item(pair), after: window.span, isClicked: labels[pair])
                try #require(isTaken)
            }
        }
    }

    private static let tolerance: Float = 1e-5
    private static let finalTolerance: Float = 1e-3

    @Test func probabilitiesAreThoseOfPyTorch() throws {
        let golden = try File()
        let network = try golden.network()
        for pair in golden.pairs.indices {
            let window = golden.window(pair)
            let probability = network.probability(of: try golden.item(pair), after: window.span)
            #expect(abs(probability - golden.probabilities[pair]) < Self.tolerance)
        }
    }

    @Test func lossAndGradientsAreThoseOfPyTorch() throws {
        let golden = try File()
        let network = try golden.network()
        try golden.stage(in: network)
        let loss = try #require(network.step())
        #expect(abs(loss - golden.loss) < Self.tolerance)
        // The items' biases are in no score.
        var compared = 1
        func compare(_ parameter: inout Parameter) {
            guard let expected = golden.gradients[parameter.name] else { return }
            compared += 1
            let difference = distance(parameter.gradient.values(rows: parameter.rows), expected)
            #expect(difference < Self.tolerance, "\(parameter.name)")
        }
        network.encoder.forEachParameter(compare)
        compare(&network.weights)
        compare(&network.bias)
        let (vectors, biases) = network.rows.dense(items: golden.items, width: golden.width)
        #expect(distance(vectors, try #require(golden.gradients["table"])) < Self.tolerance)
        #expect(biases.allSatisfy { $0 == 0 })
        #expect(compared + 1 == golden.gradients.count)
    }

    @Test func tenStepsGoWherePyTorchGoes() throws {
        let golden = try File()
        let network = try golden.network()
        var losses: [Float] = []
        for _ in golden.losses {
            try golden.stage(in: network)
            losses.append(try #require(network.step()))
        }
        #expect(distance(losses, golden.losses) < Self.finalTolerance)
        #expect(distance(network.table.vectors.values(rows: golden.items), golden.final_table) < Self.finalTolerance)
    }
}
