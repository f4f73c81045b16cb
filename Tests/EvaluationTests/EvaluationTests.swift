import Engine
import Events
import Foundation
import Testing

@testable import Evaluation

@Suite struct EvaluationTests {
    private func events(_ pairs: [(String, String)]) throws -> [Event] {
        try pairs.enumerated().map { place, pair in
            Event(
                user: try #require(UserID(pair.0)), item: try #require(ItemID(pair.1)),
                timestamp: Timestamp(milliseconds: 1_767_225_600_000 + Int64(place)))
        }
    }

    private func report(_ events: [Event], exclusions: Set<Exclusion> = []) throws -> EvaluationReport {
        var configuration = EngineConfiguration()
        configuration.learner.dimensions = 16
        configuration.learner.itemsMax = 100
        configuration.learner.negatives = 16
        var evaluation = try PrequentialEvaluation(configuration, exclusions: exclusions, batch: 1)
        for event in events { try evaluation.add(event) }
        return evaluation.report(elapsed: .seconds(2))
    }

    /// Six events that can be scored by hand.
    @Test func theFiguresAreThoseOfTheDefinition() throws {
        let report = try report(events([("u", "a"), ("u", "b"), ("v", "a"), ("v", "b"), ("u", "a"), ("v", "c")]))
        #expect(report.events == 6)
        // u:b (cold), v:b, u:a, v:c (cold).
        #expect(report.scored == 4)
        #expect(report.cold == 0.5)
        let markov = try #require(report.models["markov"])
        // v:b is first after a; u:a after b has no rule yet: b and a are as popular, and a came to two first.
        #expect(markov.hr20 == 0.5)
        #expect(abs(markov.mrr20 - (1 + 1) / 4) < 1e-12)
        let popular = try #require(report.models["popular"])
        // v:b: a stands before b; u:a: a is first.
        #expect(abs(popular.mrr20 - (0.5 + 1) / 4) < 1e-12)
        #expect(report.models["gru"]?.hr20 == 0.5)
        #expect(popular.coverage20 == 2.0 / 3)
    }

    @Test func exclusionsTakeTargetsOut() throws {
        let repeated = try events([("u", "a"), ("u", "a"), ("u", "b"), ("u", "a"), ("u", "b")])
        #expect(try report(repeated).models["popular"]?.hr20 == 0.75)
        // The second event repeats its item; the fourth and fifth do not.
        #expect(try report(repeated, exclusions: [.current]).models["popular"]?.hr20 == 0.5)
        #expect(try report(repeated, exclusions: [.seen]).models["popular"]?.hr20 == 0)
        #expect(try report(repeated, exclusions: [.seen]).models["gru"]?.hr20 == 0)
    }

    @Test func theReportIsOneObjectWithTheContractsNames() throws {
        let report = try report(events([("u", "a"), ("u", "b"), ("u", "a")]))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: Any])
        #expect(Set(object.keys) == ["protocol", "events", "scored", "cold", "seconds", "isa", "models"])
        #expect(object["protocol"] as? String == "prequential")
        let models = try #require(object["models"] as? [String: [String: Double]])
        #expect(Set(models.keys) == ["gru", "popular", "markov", "rules", "knn", "knn+rules"])
        #expect(Set(models["gru"]?.keys ?? [:].keys) == ["hr@10", "hr@20", "mrr@20", "ndcg@10", "ndcg@20", "coverage@20"])
        #expect(report.text().contains("gru"))
    }

    @Test func theEnsembleIsMeasuredBesideItsMembers() throws {
        var configuration = EngineConfiguration()
        configuration.encoder = .ensemble
        configuration.learner.dimensions = 16
        configuration.learner.itemsMax = 100
        configuration.learner.negatives = 16
        var evaluation = try PrequentialEvaluation(configuration, exclusions: [], batch: 1)
        for event in try events([("u", "a"), ("u", "b"), ("v", "a"), ("v", "b"), ("u", "a"), ("v", "c")]) { try evaluation.add(event) }
        let models = evaluation.report(elapsed: .seconds(1)).models
        #expect(Set(models.keys) == ["ensemble", "gru", "knn", "knn+rules", "popular", "markov", "rules"])
        #expect(models["ensemble"]?.hr20 == 0.5)
    }

    @Test func nothingIsNothing() throws {
        let report = try report([])
        #expect(report.events == 0 && report.scored == 0 && report.cold == 0)
        #expect(report.models["gru"]?.hr20 == 0)
    }
}
