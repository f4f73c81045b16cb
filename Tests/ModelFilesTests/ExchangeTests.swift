import Checkpoints
import Engine
import Events
import Foundation
import SequenceModels
import Testing

@testable import ModelFiles

/// Weights that go out and come in are the same model, here and in PyTorch.
@Suite struct ExchangeTests {
    /// What `Golden/score_exported.py` made.
    private struct Golden: Decodable {
        struct Model: Decodable {
            var ids: [String]
            var scores: [[Float]]
        }
        var format: String
        var version: Int
        /// Item row and milliseconds since the event before.
        var sessions: [[[Int]]]
        var models: [String: Model]
    }

    private static func exported(_ model: String) -> String {
        ModelFixture.golden.appendingPathComponent("exported_\(model).safetensors").path
    }

    @Test(arguments: [EngineConfiguration.Encoder.gru, .attention])
    func anExportedModelGivesTheScoresOfPyTorch(encoder: EngineConfiguration.Encoder) throws {
        let data = try Data(contentsOf: ModelFixture.golden.appendingPathComponent("scores.json"))
        let golden = try JSONDecoder().decode(Golden.self, from: data)
        try #require(golden.format == "freshet-exported-scores" && golden.version == 1)
        let expected = try #require(golden.models[encoder.rawValue])
        var engine = try Engine(ModelFixture.configuration(encoder))
        let file = try ModelImport(path: Self.exported(encoder.rawValue))
        let summary = try file.replace(weightsOf: &engine)
        #expect(summary == ModelImport.Summary(known: 0, added: expected.ids.count))
        for (session, scores) in zip(golden.sessions, expected.scores) {
            let events = session.map { (item: ModelFixture.item(expected.ids[$0[0]]), gap: Int64($0[1])) }
            let result = try #require(try ModelFixture.scores(&engine, events)[encoder.rawValue + "/float"])
            #expect(result.count == scores.count)
            for (left, right) in zip(result, scores) { #expect(abs(left - right) < 2e-5 * (1 + abs(right))) }
        }
    }

    /// All but the version of the model, which has changed once.
    @Test(arguments: [EngineConfiguration.Encoder.gru, .attention])
    func whatWasImportedIsExportedAsItWas(encoder: EngineConfiguration.Encoder) throws {
        let fixture = try ModelFixture()
        var engine = try Engine(ModelFixture.configuration(encoder))
        _ = try ModelImport(path: Self.exported(encoder.rawValue)).replace(weightsOf: &engine)
        try ModelExport.write(engine, to: fixture.path("again"))
        let (first, second) = (
            try TensorFileReader(path: Self.exported(encoder.rawValue)), try TensorFileReader(path: fixture.path("again"))
        )
        #expect(first.header.tensors == second.header.tensors)
        for entry in first.header.tensors.values {
            let (left, right) = (
                try first.read(entry, bytes: 0..<entry.bytes.count), try second.read(entry, bytes: 0..<entry.bytes.count)
            )
            #expect(left == right)
        }
        #expect(first.header.metadata["event_types"] == second.header.metadata["event_types"])
        #expect(second.header.metadata["model_version"] == "1")
    }

    @Test func anEnsembleMovesIntoAnotherState() throws {
        let fixture = try ModelFixture()
        var first = try ModelFixture.engine(ModelFixture.configuration(.ensemble), events: 300)
        var second = try ModelFixture.engine(ModelFixture.configuration(.ensemble), events: 120, items: 9, seed: 3)
        try ModelExport.write(first, to: fixture.path("weights"))
        let summary = try ModelImport(path: fixture.path("weights")).replace(weightsOf: &second)
        #expect(summary == ModelImport.Summary(known: 9, added: 3))
        let userCount = second.userCount
        #expect(userCount == 20, "sessions stay")
        let session: [(item: ItemID, gap: Int64)] = [("i1", 0), ("i2", 700), ("i3", 700)].map { (ModelFixture.item($0.0), $0.1) }
        let (left, right) = (try ModelFixture.scores(&first, session), try ModelFixture.scores(&second, session))
        #expect(Set(left.keys) == ["gru/float", "attention/float"])
        for (model, scores) in left {
            for row in 0..<first.itemCount {
                let other = second.row(of: first.itemID(ofRow: row)).map { Int($0) }
                #expect(right[model]?[try #require(other)] == scores[row], "\(model), row \(row)")
            }
        }
        // It goes on learning, and its checkpoint holds what came in.
        let checkpoint = second.takeCheckpoint()
        #expect(checkpoint.items.count == 12)
    }

    @Test func anEngineWithoutItemsCanGoOutAndIn() throws {
        let fixture = try ModelFixture()
        var engine = try Engine(ModelFixture.configuration(.convolution))
        try ModelExport.write(engine, to: fixture.path("weights"))
        let file = try ModelImport(path: fixture.path("weights"))
        #expect(file.model == ModelDescription(encoder: "convolution", dimensions: 16, modelVersion: 0))
        #expect(try file.replace(weightsOf: &engine) == ModelImport.Summary())
    }

    /// The network is a part of the name that a file goes by.
    @Test(arguments: [(ConvolutionConfiguration.Network.textbook, "convolution"), (.dilated, "convolution:dilated")])
    func aConvolutionMovesWithItsNetworkAndIntoNoOther(network: ConvolutionConfiguration.Network, name: String) throws {
        let fixture = try ModelFixture()
        var configuration = ModelFixture.configuration(.convolution)
        configuration.learner.convolution.network = network
        var first = try ModelFixture.engine(configuration, events: 300)
        try ModelExport.write(first, to: fixture.path("weights"))
        let file = try ModelImport(path: fixture.path("weights"))
        let model = try #require(file.model)
        #expect(model.encoder == name)
        // As `freshet import` does where no state is yet.
        var adopted = ModelFixture.configuration(.gru)
        let isAdopted = adopted.adopt(model)
        #expect(isAdopted)
        var second = try Engine(adopted)
        #expect(try file.replace(weightsOf: &second) == ModelImport.Summary(known: 0, added: 12))
        let session: [(item: ItemID, gap: Int64)] = [("i1", 0), ("i2", 700), ("i3", 700)].map { (ModelFixture.item($0.0), $0.1) }
        let scores = try ModelFixture.scores(&first, session)
        #expect(scores["convolution/float"]?.count == 12)
        #expect(try ModelFixture.scores(&second, session) == scores)
        for other in ConvolutionConfiguration.Network.allCases where other != network {
            configuration.learner.convolution.network = other
            var third = try Engine(configuration)
            #expect { try file.replace(weightsOf: &third) } throws: { "\($0)".contains("it is of \(name), 16 wide") }
        }
    }

    @Test func anExportTakesThePlaceOfTheOneBeforeAndLeavesNothingElse() throws {
        let fixture = try ModelFixture()
        let engine = try ModelFixture.engine(ModelFixture.configuration(.gru), events: 60)
        for _ in 0..<2 { try ModelExport.write(engine, to: fixture.path("weights")) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.folder) == ["weights"])
        let path = fixture.path("missing/weights")
        #expect(throws: ModelFileError.writeFailed(path: path, reason: "a file beside it cannot be made")) {
            try ModelExport.write(engine, to: path)
        }
    }
}
