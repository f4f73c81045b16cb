import Engine
import Events
import SequenceModels
import Testing

@testable import Evaluation

/// Streams that nobody would draw: correct figures or zeros, never a crash.
@Suite struct OddStreamTests {
    static let streams: [(name: String, events: [Event])] = [
        ("none", []),
        ("one event", [Fixture.event("u", "a", at: Fixture.start)]),
        ("one user", (0..<120).map { Fixture.event("u", "i\($0 % 7)", at: Fixture.start + Int64($0)) }),
        ("one item", (0..<120).map { Fixture.event("u\($0 % 9)", "a", at: Fixture.start + Int64($0)) }),
        ("all repeats", (0..<120).map { Fixture.event("u\($0 / 12)", "i\($0 / 12)", at: Fixture.start + Int64($0)) }),
        ("sessions of one", (0..<120).map { Fixture.event("u\($0)", "i\($0 % 5)", at: Fixture.start + Int64($0)) }),
        ("items once", (0..<120).map { Fixture.event("u\($0 / 10)", "i\($0)", at: Fixture.start + Int64($0)) }),
        ("time goes back", (0..<120).map { Fixture.event("u\($0 % 8)", "i\($0 % 5)", at: Fixture.start - Int64($0) * 40_000_000) }),
        ("time jumps", (0..<120).map { Fixture.event("u\($0 % 8)", "i\($0 % 5)", at: $0 % 2 == 0 ? 631_152_000_000 : 4_000_000_000_000) }),
        ("absurd values", (0..<120).map {
            Fixture.event(
                "u\($0 % 8)", "i\($0 % 5)", at: Fixture.start + Int64($0),
                value: [nil, 1e300, -1e300, 0, .leastNonzeroMagnitude, .nan, .infinity][$0 % 7])
        }),
    ]

    @Test(arguments: streams.map(\.name), EvaluationProtocol.allCases)
    func aStreamThatIsOddIsMeasured(name: String, evaluationProtocol: EvaluationProtocol) throws {
        let events = try #require(Self.streams.first { $0.name == name }).events
        let history = try Fixture.history(events)
        let schedule: Schedule =
            switch evaluationProtocol {
            case .prequential: .prequential(history)
            case .continual: .continual(history, period: .seconds(86_400))
            case .temporal: .temporal(history, trainCount: events.count / 2)
            case .leaveOneOut: .leaveOneOut(history)
            }
        let report = try Fixture.report(history, schedule, Fixture.configuration { $0.encoder = .ensemble }) {
            $0.classifies = true
            $0.includesFloat = true
            $0.frozenShare = 0.5
            $0.staleness = [10]
            $0.exclusion = evaluationProtocol == .leaveOneOut ? .seen : nil
        }
        #expect(report.events == events.count)
        #expect(report.scored <= max(0, events.count - 1))
        for (model, metrics) in report.models {
            let figures = [
                metrics.hr10, metrics.hr20, metrics.mrr20, metrics.ndcg10, metrics.ndcg20, metrics.coverage20,
                metrics.accuracy ?? 0, metrics.precision ?? 0, metrics.recall ?? 0, metrics.f1 ?? 0, metrics.auc ?? 0,
            ]
            #expect(figures.allSatisfy { (0...1).contains($0) }, "\(model): \(figures)")
            #expect(metrics.logLoss?.isFinite == true)
        }
        #expect((0...1).contains(report.cold))
        #expect(report.text().count > 100)
    }

    static let losses: [Loss] = [
        .fullSoftmax, .bprMax(regularization: 1), .gBCE(calibration: 0.75), .binaryCrossEntropy, .squaredError,
    ]

    /// Whatever a step makes smaller, and with cosines: no number that is not finite, no step back.
    @Test(arguments: streams.map(\.name), losses) func aStreamThatIsOddIsLearnedUnderEveryLoss(name: String, loss: Loss) throws {
        let events = try #require(Self.streams.first { $0.name == name }).events
        let history = try Fixture.history(events)
        for temperature in [nil, 0.05] as [Float?] {
            let configuration = Fixture.configuration {
                $0.learner.loss = loss
                $0.learner.temperature = temperature
                $0.learner.itemsMax = 200
            }
            let report = try Fixture.report(history, .prequential(history), configuration)
            let metrics = try #require(report.models["gru"])
            #expect((0...1).contains(metrics.hr20) && (0...1).contains(metrics.mrr20))
        }
    }

    @Test func whatIsCertainIsAlwaysFound() throws {
        let events = try #require(Self.streams.first { $0.name == "all repeats" }).events
        let history = try Fixture.history(events)
        let report = try Fixture.report(history, .prequential(history))
        #expect(report.scored == 110 && report.cold == 0)
        #expect(report.models["knn"]?.hr20 == 1)
        // The last item is what comes: left out, nothing is right.
        let without = try Fixture.report(history, .prequential(history)) { $0.exclusion = .current }
        #expect(without.models.values.allSatisfy { $0.hr20 == 0 })
    }

    @Test func sessionsOfOneHaveNothingToScore() throws {
        let events = try #require(Self.streams.first { $0.name == "sessions of one" }).events
        let history = try Fixture.history(events)
        let report = try Fixture.report(history, .prequential(history))
        #expect(report.scored == 0 && report.models["gru"]?.coverage20 == 0)
    }
}
