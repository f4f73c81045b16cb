import Events
import Learning
import SequenceModels
import Testing

@testable import Engine

@Suite struct ForecastTests {
    private func question(_ user: String, _ items: [String], excluded: [ItemIndex] = []) -> ForecastQuestion {
        let events = items.enumerated().map { place, item in
            Event(
                user: Fixture.user(user), item: Fixture.item(item),
                timestamp: Timestamp(milliseconds: 1_767_225_600_000 + Int64(place)))
        }
        return ForecastQuestion(
            user: Fixture.user(user), events: events, sessionLength: items.count, count: 5, excluded: excluded, keepsPool: false)
    }

    /// What a back-test asks is what the daemon would answer.
    @Test(arguments: [EngineConfiguration.Encoder.gru, .ensemble])
    func itsListIsTheServedList(encoder: EngineConfiguration.Encoder) throws {
        var engine = try Engine(Fixture.configuration { $0.encoder = encoder })
        _ = try engine.takeAll(Fixture.circle(300))
        for place in 0..<3 { _ = try engine.take(Fixture.input("x", "i\(place)", offset: Int64(300 + place))) }
        let served = try engine.recommendation(for: Fixture.user("x"), rules: ListRules(count: 5, exclusions: []), now: Timestamp(milliseconds: 0))
        let forecast = try engine.forecast(question("x", ["i0", "i1", "i2"]), models: .all)
        let list = try #require(forecast.lists[encoder.rawValue])
        let rows = served.list.items.compactMap { engine.row(of: $0.item) }
        #expect(list == rows)
        #expect(list.count == 5)
    }

    @Test func nothingIsLearnedFromAQuestion() throws {
        var engine = try Engine(Fixture.configuration { $0.encoder = .ensemble })
        _ = try engine.takeAll(Fixture.circle(120))
        let before = (engine.modelVersion, engine.userCount, engine.itemCount, engine.eventCount)
        let first = try engine.forecast(question("nobody", ["i1", "unknown", "i2"]), models: .all)
        let second = try engine.forecast(question("nobody", ["i1", "unknown", "i2"]), models: .all)
        #expect(first.lists == second.lists)
        let after = (engine.modelVersion, engine.userCount, engine.itemCount, engine.eventCount)
        #expect(before == after)
        // What is not known is not read.
        let known = try engine.forecast(question("nobody", ["i1", "i2"]), models: .all)
        #expect(known.lists == first.lists)
    }

    @Test func thousandsMayBeLeftOut() throws {
        var engine = try Engine(Fixture.configuration { $0.encoder = .ensemble })
        _ = try engine.takeAll((0..<150).map { Fixture.input("u\($0 / 10)", "i\($0)", offset: Int64($0)) })
        // Each twice, as a user has them; three are left.
        let excluded = (0..<150).map { ItemIndex($0) }.filter { ![7, 80, 149].contains($0) }
        var question = question("u3", ["i33"], excluded: excluded + excluded)
        question.includesFloat = true
        let forecast = try engine.forecast(question, models: .all)
        for (model, list) in forecast.lists { #expect(Set(list).isSubset(of: [7, 80, 149]), "\(model)") }
        #expect(forecast.lists["gru"]?.count == 3 && forecast.lists["gru/float"]?.count == 3)
        // What was hidden is back.
        let whole = try engine.forecast(self.question("u3", ["i33"]), models: .all)
        #expect(whole.lists["gru"]?.count == 5)
    }

    @Test func aProbeIsScoredAndStaysOutOfTheList() throws {
        var engine = try Engine(Fixture.configuration { $0.encoder = .ensemble })
        _ = try engine.takeAll(Fixture.circle(600))
        var question = question("nobody", ["i3", "i4"])
        let list = try engine.forecast(question, models: .all).lists["ensemble"]
        question.probes = ["i5", "i11"].compactMap { engine.row(of: Fixture.item($0)) }
        question.includesFloat = true
        let forecast = try engine.forecast(question, models: .all)
        #expect(forecast.lists["ensemble"] == list)
        for model in ["ensemble", "gru", "gru/float", "markov", "rules"] {
            let scores = try #require(forecast.probeScores[model])
            #expect(scores.count == 2 && scores[0] > scores[1], "\(model): \(scores)")
        }
        #expect(abs((forecast.probeScores["gru"]?[0] ?? 0) - (forecast.probeScores["gru/float"]?[0] ?? 9)) < 0.2)
    }
}
