import Checkpoints
import Events
import Learning
import SequenceModels
import Testing

@testable import Engine

/// What losses and optimizers beside the default ones leave in a state, and what comes back of it.
@Suite struct LearningStateTests {
    private func restored(_ checkpoint: Checkpoint, _ configuration: EngineConfiguration) throws -> Engine {
        var restorer = try EngineRestorer(configuration, stored: checkpoint.model)
        for row in checkpoint.items.sorted(by: { $0.index < $1.index }) { try restorer.add(row) }
        for row in checkpoint.users { try restorer.add(row) }
        return try restorer.finish(blobs: checkpoint.blobs, offsets: checkpoint.offsets)
    }

    private static let changes: [@Sendable (inout LearnerConfiguration) -> Void] = [
        { $0.rowOptimizer.kind = .adam; $0.rate = 0.01 },
        { $0.rowOptimizer.kind = .sgd; $0.rate = 0.02; $0.loss = .gBCE(calibration: 0.75) },
        { $0.temperature = 0.1; $0.rowOptimizer.halfLife = 50 },
        { $0.loss = .fullSoftmax },
        { $0.loss = .bprMax(regularization: 1); $0.optimizer = .sgd; $0.momentum = 0.5 },
    ]

    @Test(arguments: changes.indices) func everySettingGoesOnBitForBitAfterARestart(place: Int) throws {
        let configuration = Fixture.configuration { Self.changes[place](&$0.learner) }
        let inputs = Fixture.circle(360)
        var engine = try Engine(configuration)
        _ = try engine.takeAll(Array(inputs.prefix(240)))
        var other = try restored(engine.takeCheckpoint(), configuration)
        let (left, right) = (try engine.takeAll(Array(inputs[240...])), try other.takeAll(Array(inputs[240...])))
        #expect(left.map(\.items) == right.map(\.items))
        let (first, second) = (engine.takeCheckpoint(), other.takeCheckpoint())
        #expect(first.blobs == second.blobs)
        let payloads = Dictionary(first.items.map { ($0.index, $0.payload) }, uniquingKeysWith: { $1 })
        #expect(second.items.allSatisfy { payloads[$0.index] == $0.payload })
    }

    /// The optimizer is a setting like a rate: a state that was learned with another one is gone on with.
    @Test(arguments: [(RowOptimizer.Kind.adagrad, RowOptimizer.Kind.adam), (.adam, .adagrad), (.sgd, .adam)])
    func theOptimizerCanChangeWithARestart(from first: RowOptimizer.Kind, to second: RowOptimizer.Kind) throws {
        func configuration(_ kind: RowOptimizer.Kind) -> EngineConfiguration {
            Fixture.configuration {
                $0.learner.rowOptimizer.kind = kind
                $0.learner.rate = 0.02
            }
        }
        var engine = try Engine(configuration(first))
        _ = try engine.takeAll(Fixture.circle(240))
        var other = try restored(engine.takeCheckpoint(), configuration(second))
        _ = try other.takeAll(Fixture.circle(600, from: 240))
        let recall = try #require(other.quality["gru"]).recall(at: 5)
        // By chance five of twelve.
        #expect(recall > 0.6)
    }

    /// Vectors that were learned for plain products are no good as directions, nor the other way about.
    @Test(arguments: [(nil, 0.1), (0.1, nil), (0.1, 0.2)] as [(Float?, Float?)])
    func theTemperatureCannotChangeWithARestart(from first: Float?, to second: Float?) throws {
        func configuration(_ temperature: Float?) -> EngineConfiguration {
            Fixture.configuration { $0.learner.temperature = temperature }
        }
        var engine = try Engine(configuration(first))
        _ = try engine.takeAll(Fixture.circle(60))
        let checkpoint = engine.takeCheckpoint()
        _ = try restored(checkpoint, configuration(first))
        let error = #expect(throws: EngineError.self) { _ = try restored(checkpoint, configuration(second)) }
        #expect(error.map { "\($0)" }?.contains("set learning.temperature to \(first ?? 0)") == true)
    }

    private func convolution(
        _ network: ConvolutionConfiguration.Network, _ encoder: EngineConfiguration.Encoder = .convolution
    ) -> EngineConfiguration {
        Fixture.configuration {
            $0.encoder = encoder
            $0.ensembleMembers = [.gru, .convolution]
            $0.learner.convolution.network = network
            $0.learner.temperature = 0.1
        }
    }

    @Test(arguments: ConvolutionConfiguration.Network.allCases)
    func bothNetworksLearnAndGoOnBitForBitAfterARestart(network: ConvolutionConfiguration.Network) throws {
        var engine = try Engine(convolution(network))
        _ = try engine.takeAll(Fixture.circle(900))
        let recall = try #require(engine.quality["convolution"]).recall(at: 1)
        // By chance one of twelve.
        #expect(recall > 0.5, "\(recall)")
        var other = try restored(engine.takeCheckpoint(), convolution(network))
        let rest = Fixture.circle(120, from: 900)
        #expect(try engine.takeAll(rest).map(\.items) == other.takeAll(rest).map(\.items))
        #expect(engine.takeCheckpoint().blobs == other.takeCheckpoint().blobs)
    }

    /// The tensors of one network are not those of the other.
    @Test(arguments: [EngineConfiguration.Encoder.convolution, .ensemble])
    func theNetworkCannotChangeWithARestart(encoder: EngineConfiguration.Encoder) throws {
        for (first, second) in [(ConvolutionConfiguration.Network.textbook, ConvolutionConfiguration.Network.dilated), (.dilated, .textbook)] {
            var engine = try Engine(convolution(first, encoder))
            _ = try engine.takeAll(Fixture.circle(60))
            let checkpoint = engine.takeCheckpoint()
            let error = #expect(throws: EngineError.self) { _ = try restored(checkpoint, convolution(second, encoder)) }
            #expect(error.map { "\($0)" }?.contains("set model.convolution to \(first), or name another") == true)
            // Who only reads a state takes over what it says.
            var reading = convolution(second, .gru)
            let isAdopted = reading.adopt(checkpoint.model)
            #expect(isAdopted)
            #expect(reading == convolution(first, encoder))
        }
    }

    /// A network that nothing is made of is no reason to refuse a state.
    @Test func theNetworkOfNoMemberCanChange() throws {
        var engine = try Engine(convolution(.textbook, .gru))
        _ = try engine.takeAll(Fixture.circle(60))
        _ = try restored(engine.takeCheckpoint(), convolution(.dilated, .gru))
    }

    @Test(arguments: [
        "convolution:deep", "gru:dilated", "ensemble(gru:dilated)", "convolution:", "convolution:textbook", "convolution:dilated:dilated",
        "ensemble(convolution,convolution:dilated)", "ensemble", "gru(convolution)", ":dilated", "",
    ]) func aModelThatNobodyKnowsIsNotAdopted(name: String) {
        let before = convolution(.textbook)
        var configuration = before
        let isAdopted = configuration.adopt(ModelDescription(encoder: name, dimensions: 16, modelVersion: 1))
        #expect(!isAdopted)
        #expect(configuration == before)
    }

    private func valued(_ place: Int, value: Double?) -> EngineInput {
        // Odd items are worth five, even ones nothing.
        let event = Event(
            user: Fixture.user("u\(place / 5)"), item: Fixture.item("i\((place * 7 + place / 5) % 10)"),
            timestamp: Timestamp(milliseconds: 1_767_225_600_000 + Int64(place)), value: value)
        return EngineInput(
            content: .event(event), source: RecordSource(topicPartition: Fixture.partition, offset: Int64(place)),
            wantsAnswer: true)
    }

    /// Missing values and absurd ones in between are no reason to learn less of the others.
    @Test func squaredErrorLearnsWhatItemsAreWorth() throws {
        let configuration = Fixture.configuration {
            $0.learner.loss = .squaredError
            $0.learner.rate = 0.05
        }
        var engine = try Engine(configuration)
        var lists: [[String]] = []
        for place in 0..<1500 {
            let item = (place * 7 + place / 5) % 10
            let value: Double? = place % 11 == 0 ? nil : place % 13 == 0 ? -1e300 : Double(item % 2 * 5)
            lists.append(try #require(try engine.take(valued(place, value: value)).names))
        }
        #expect(engine.rollbacks.isEmpty)
        let dear = lists.suffix(100).flatMap { $0.prefix(3) }
        let share = Double(dear.count { ["i1", "i3", "i5", "i7", "i9"].contains($0) }) / Double(dear.count)
        #expect(share > 0.9, "\(share)")
    }

    /// Cosines divided by a temperature are what is learned, so they must be what is served: int8 beside float.
    @Test func whatIsServedOfCosinesIsWhatIsLearned() throws {
        var engine = try Engine(Fixture.configuration { $0.learner.temperature = 0.1 })
        _ = try engine.takeAll(Fixture.circle(600))
        var question = ForecastQuestion(
            user: Fixture.user("nobody"),
            events: (0..<4).map {
                Event(
                    user: Fixture.user("nobody"), item: Fixture.item("i\($0)"),
                    timestamp: Timestamp(milliseconds: 1_767_225_600_000 + Int64($0)))
            }, sessionLength: 4, count: 5, excluded: [], keepsPool: false)
        question.includesFloat = true
        question.probes = (0..<12).map { ItemIndex($0) }
        let forecast = try engine.forecast(question, models: .all)
        let (served, float) = (try #require(forecast.probeScores["gru"]), try #require(forecast.probeScores["gru/float"]))
        for (left, right) in zip(served, float) {
            // Cosine over temperature, and a bias.
            #expect(abs(left - right) < 0.4 && abs(right) < 20, "\(left), \(right)")
        }
        #expect(forecast.lists["gru"]?.first == forecast.lists["gru/float"]?.first)
    }
}
