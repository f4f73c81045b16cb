import Engine
import Events
import Foundation
import Testing

@testable import Evaluation

/// Test, then train.
@Suite struct EvaluationTests {
    private static let pairs = [("u", "a"), ("u", "b"), ("v", "a"), ("v", "b"), ("u", "a"), ("v", "c")]

    private func report(
        _ pairs: [(String, String)], _ configuration: EngineConfiguration = Fixture.configuration(),
        _ change: (inout BacktestOptions) -> Void = { _ in }
    ) throws -> EvaluationReport {
        let history = try Fixture.history(pairs)
        return try Fixture.report(history, .prequential(history), configuration, change)
    }

    /// Six events that can be scored by hand.
    @Test func theFiguresAreThoseOfTheDefinition() throws {
        let report = try report(Self.pairs)
        #expect(report.events == 6)
        // u:b (cold), v:b, u:a, v:c (cold).
        #expect(report.scored == 4)
        #expect(report.cold == 0.5)
        let markov = try #require(report.models["markov"])
        // v:b is first after a; u:a after b has no rule yet: b and a are as popular, and a has the lower row.
        #expect(markov.hr20 == 0.5)
        #expect(abs(markov.mrr20 - (1 + 1) / 4) < 1e-12)
        let popular = try #require(report.models["popular"])
        // v:b: a stands before b; u:a: a is first.
        #expect(abs(popular.mrr20 - (0.5 + 1) / 4) < 1e-12)
        #expect(report.models["gru"]?.hr20 == 0.5)
        // Both items that were known before the last event.
        #expect(popular.coverage20 == 1)
    }

    @Test func exclusionsTakeTargetsOut() throws {
        let repeated = [("u", "a"), ("u", "a"), ("u", "b"), ("u", "a"), ("u", "b")]
        #expect(try report(repeated).models["popular"]?.hr20 == 0.75)
        // The second event repeats its item; the fourth and fifth do not.
        let current = try report(repeated) { $0.exclusion = .current }
        #expect(current.models["popular"]?.hr20 == 0.5)
        let seen = try report(repeated) { $0.exclusion = .seen }
        for (model, metrics) in seen.models { #expect(metrics.hr20 == 0, "\(model)") }
    }

    /// What is left out is everything the user had, however much of it an engine keeps.
    @Test func everythingSeenIsLeftOut() throws {
        let first = (0..<300).map { ("u", "i\($0)") }
        let report = try report(first + first.prefix(100)) { $0.exclusion = .seen }
        #expect(report.scored == 399)
        #expect(report.cold == 299.0 / 399)
        for (model, metrics) in report.models {
            #expect(metrics.hr20 == 0, "\(model)")
            #expect(metrics.coverage20 == 0, "\(model)")
        }
    }

    @Test func theReportIsOneObjectWithTheContractsNames() throws {
        let report = try report([("u", "a"), ("u", "b"), ("u", "a")])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: Any])
        #expect(Set(object.keys) == ["protocol", "events", "scored", "cold", "seconds", "isa", "models"])
        #expect(object["protocol"] as? String == "prequential")
        let models = try #require(object["models"] as? [String: [String: Double]])
        #expect(Set(models.keys) == ["gru", "popular", "markov", "rules", "knn", "knn+rules"])
        #expect(Set(models["gru"]?.keys ?? [:].keys) == ["hr@10", "hr@20", "mrr@20", "ndcg@10", "ndcg@20", "coverage@20"])
        #expect(report.text().contains("gru"))
    }

    @Test func theEnsembleIsMeasuredBesideItsMembers() throws {
        let models = try report(Self.pairs, Fixture.configuration { $0.encoder = .ensemble }).models
        #expect(Set(models.keys) == ["ensemble", "gru", "attention", "knn", "knn+rules", "popular", "markov", "rules"])
        #expect(models["ensemble"]?.hr20 == 0.5)
    }

    @Test func aModelIsTheSameAloneAndAsAMember() throws {
        let history = try Fixture.history(Fixture.circle(600))
        let alone = try Fixture.report(history, .prequential(history))
        let member = try Fixture.report(history, .prequential(history), Fixture.configuration { $0.encoder = .ensemble })
        #expect(alone.models["gru"] == member.models["gru"])
        #expect(alone.models["knn+rules"] == member.models["knn+rules"])
        #expect((alone.models["gru"]?.hr10 ?? 0) > 0.7)
    }

    @Test func theSameStreamGivesTheSameFigures() throws {
        let history = try Fixture.history(Fixture.circle(300))
        func run() throws -> EvaluationReport {
            try Fixture.report(history, .prequential(history), Fixture.configuration { $0.encoder = .ensemble }) {
                $0.classifies = true
                $0.frozenShare = 0.5
            }
        }
        #expect(try run() == run())
    }

    /// The float twin reads what the encoder learned on, so that both nearly agree.
    @Test func int8IsNearItsFloatTwin() throws {
        let history = try Fixture.history(Fixture.circle(900))
        let report = try Fixture.report(history, .prequential(history)) { $0.includesFloat = true }
        let loss = try #require(report.quantization?["gru"])
        let float = try #require(report.models["gru/float"])
        #expect(float.mrr20 > 0.4)
        #expect(abs(loss.mrr20) < 0.03, "\(loss)")
        #expect(abs(loss.hr20) < 0.03, "\(loss)")
        #expect(report.text().contains("gru: int8 loses"))
    }

    @Test func modelsThatNobodyAskedForAreLeftOut() throws {
        var report = try report(Self.pairs) {
            $0.includesFloat = true
            $0.frozenShare = 0.2
        }
        report.keep { $0 != "gru" && $0 != "gru/float" }
        #expect(Set(report.models.keys) == ["popular", "markov", "rules", "knn", "knn+rules"])
        #expect(report.quantization == [:])
        #expect(report.comparisons?.first?.models["gru"] == nil)
        #expect(report.comparisons?.first?.models["knn"] != nil)
    }
}
