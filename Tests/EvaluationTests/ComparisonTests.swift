import Engine
import Events
import Foundation
import FoundationXML
import SequenceModels
import Testing

@testable import Evaluation

/// The worth of being online, clicks, and the picture.
@Suite struct ComparisonTests {
    /// Halfway, what follows what turns around: only what learns on can know.
    private static let turning: [Event] = (0..<1200).map { place in
        let visit = place / 6
        let step = place < 600 ? place % 6 : 6 - place % 6
        return Fixture.event("u\(visit)", "i\((visit * 5 + step) % 12)", at: Fixture.start + Int64(place) * 1000)
    }

    @Test func whatLearnsOnIsAheadOfWhatIsFrozen() throws {
        let history = try Fixture.history(Self.turning)
        let report = try Fixture.report(history, .prequential(history)) { $0.frozenShare = 0.5 }
        let comparison = try #require(report.comparisons?.first)
        #expect(comparison.against == "frozen at 50%")
        #expect(comparison.events == 500)
        for model in ["gru", "markov", "rules", "knn+rules"] {
            let pair = try #require(comparison.models[model])
            #expect(pair.difference > 0.05 && pair.z > 3 && pair.p < 0.01, "\(model): \(pair)")
            #expect(abs(pair.mrr20 - pair.otherMRR20 - pair.difference) < 1e-12)
        }
        #expect(report.text().contains("live, and frozen at 50%"))
        // The models themselves are measured over the whole stream, beside a frozen one or not.
        #expect(report.models == (try Fixture.report(history, .prequential(history))).models)
    }

    @Test func whatIsBehindIsBehind() throws {
        let history = try Fixture.history(Self.turning)
        let report = try Fixture.report(history, .prequential(history)) { $0.staleness = [60, 400, 5000] }
        #expect(report.comparisons?.map(\.against) == ["60 events behind", "400 events behind", "5000 events behind"])
        let markov = (report.comparisons ?? []).map { $0.models["markov"] }
        #expect((markov[0]?.difference ?? 0) > 0)
        #expect((markov[1]?.difference ?? 0) > (markov[0]?.difference ?? 1))
        // So far behind that there is nothing to compare.
        #expect(report.comparisons?[2].events == 0 && markov[2] == nil)
    }

    @Test func aModelThatIsNoneEventBehindIsTheSame() {
        var comparison = PairedComparison()
        for user in 0..<50 { comparison.record(user: user, rank: user % 5 == 0 ? nil : user % 5, otherRank: user % 5 == 0 ? nil : user % 5) }
        #expect(comparison.figures.difference == 0 && comparison.figures.p == 1 && comparison.figures.z == 0)
        #expect(PairedComparison().figures.p == 1)
    }

    /// Twenty users, each with the same ranks twice: the error is that of twenty, not of forty.
    @Test func errorsAreThoseOfUsers() {
        var once = PairedComparison()
        var twice = PairedComparison()
        for user in 0..<20 {
            let rank = user % 2 == 0 ? 1 : 4
            once.record(user: user, rank: rank, otherRank: 2)
            for _ in 0..<2 { twice.record(user: user, rank: rank, otherRank: 2) }
        }
        // Differences are ½ and -¼: their mean ⅛, their deviation ⅜.
        #expect(abs(once.figures.difference - 0.125) < 1e-12)
        #expect(abs(once.figures.standardError - 0.375 / 20.0.squareRoot()) < 1e-12)
        #expect(abs(twice.figures.standardError - once.figures.standardError) < 1e-12)
        #expect(abs(once.figures.p - 0.136) < 0.001)
        #expect(once.figures.hr20 == 1)
    }

    @Test func clicksAreCountedAsDefined() {
        var metrics = ClickMetrics()
        // What comes scores above, but for one in four, when it scores below everything.
        for round in 0..<400 { metrics.record(click: round % 4 == 3 ? -3 : 3, others: [-1, 0, 1, -2]) }
        let figures = metrics.figures
        #expect(abs(figures.auc - 0.75) < 0.01)
        #expect(abs(figures.recall - 0.75) < 0.02)
        #expect(figures.precision > 0.97)
        #expect(abs(figures.accuracy - 0.95) < 0.01)
        #expect(abs(figures.f1 - 2 * figures.precision * figures.recall / (figures.precision + figures.recall)) < 1e-12)
        // Better than always saying one in five: -(0.2 ln 0.2 + 0.8 ln 0.8).
        #expect(figures.logLoss < 0.5)
    }

    @Test func aScoreThatSaysNothingIsCalibratedToTheBaseRate() {
        var metrics = ClickMetrics()
        for _ in 0..<2000 { metrics.record(click: 7, others: [7, 7, 7, 7]) }
        #expect(metrics.figures.auc == 0.5)
        #expect(metrics.figures.precision == 0 && metrics.figures.f1 == 0 && metrics.figures.accuracy == 0.8)
        #expect(abs(metrics.figures.logLoss - 0.5004) < 0.01)
        #expect(ClickMetrics().figures == EvaluationReport.Clicks(accuracy: 0, precision: 0, recall: 0, f1: 0, auc: 0, logLoss: 0))
    }

    /// Scores that mean nothing, or the opposite from some time on, whose tails are heavy: never worse than to say
    /// one in five always, but for what it costs to find that out.
    @Test(arguments: [UInt64(1), 2, 3]) func noScoreIsWorseThanTheShareOfClicks(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let prior = -(0.2 * log(0.2) + 0.8 * log(0.8))
        for turning in [0, 1000, 4000] {
            var metrics = ClickMetrics()
            for round in 0..<4000 {
                // Cauchy: no mean, no deviation.
                let scores = (0..<5).map { _ in tan(generator.nextSymmetric(1.57)) }
                let shift: Float = turning == 0 ? 0 : round < turning ? 2 : -2
                metrics.record(click: scores[0] + shift, others: Array(scores.dropFirst()))
            }
            #expect(metrics.figures.logLoss < prior + 0.002, "\(turning): \(metrics.figures.logLoss)")
        }
    }

    @Test func theClickNetworkLearnsClicksBesideTheModels() throws {
        let history = try Fixture.history(Fixture.circle(3000))
        let report = try Fixture.report(history, .prequential(history)) { $0.classifies = true }
        let figures = try #require(report.models["click-network"])
        #expect((figures.auc ?? 0) > 0.8, "\(figures)")
        #expect((figures.logLoss ?? 1) < 0.5)
        #expect(figures.hr20 == 0, "it makes no lists")
        #expect(report.text().components(separatedBy: "click-network").count == 2, "it stands in the table of clicks only")
        let held = try Fixture.report(history, .temporal(history, trainCount: 2400)) { $0.classifies = true }
        #expect((held.models["click-network"]?.auc ?? 0) > 0.8)
    }

    @Test func reportsOfTwoRunsBecomeOne() throws {
        let history = try Fixture.history(Fixture.circle(120))
        func report(_ encoder: EngineConfiguration.Encoder) throws -> EvaluationReport {
            try Fixture.report(history, .prequential(history), Fixture.configuration { $0.encoder = encoder }) {
                $0.includesFloat = true
                $0.frozenShare = 0.5
            }
        }
        var first = try report(.gru)
        var second = try report(.attention)
        second.keep { ["attention", "attention/float"].contains($0) }
        let (gru, popular) = (first.models["gru"], first.models["popular"])
        first.merge(second)
        #expect(first.models["gru"] == gru && first.models["popular"] == popular)
        #expect(first.models["attention"] == second.models["attention"])
        #expect(Set((first.quantization ?? [:]).keys) == ["gru", "attention"])
        #expect(first.comparisons?.first?.models["attention"] != nil)
    }

    @Test func clicksOfEveryModelAreMeasured() throws {
        let history = try Fixture.history(Fixture.circle(900))
        let report = try Fixture.report(history, .prequential(history), Fixture.configuration { $0.encoder = .ensemble }) {
            $0.classifies = true
            $0.includesFloat = true
        }
        for model in ["ensemble", "gru", "gru/float", "markov", "rules", "knn", "knn+rules"] {
            let metrics = try #require(report.models[model])
            #expect((metrics.auc ?? 0) > 0.7, "\(model): \(metrics.auc ?? 0)")
            #expect((metrics.logLoss ?? 1) < 0.5, "\(model)")
        }
        let names = try JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: Any]
        let gru = (names?["models"] as? [String: [String: Double]])?["gru"]
        #expect(Set((gru ?? [:]).keys).isSuperset(of: ["accuracy", "precision", "recall", "f1", "auc", "log_loss"]))
        #expect(report.text().contains("log_loss"))
    }

    @Test func thePictureIsWholeAndHasEveryModel() throws {
        let history = try Fixture.history(Fixture.circle(1500))
        let plot = try Fixture.run(history, .prequential(history)).plot(models: ["gru", "popular", "nobody"])
        let svg = plot.svg()
        let parser = XMLParser(data: Data(svg.utf8))
        #expect(parser.parse(), "\(String(describing: parser.parserError))")
        #expect(svg.components(separatedBy: "<polyline").count == 3)
        #expect(svg.contains(">gru</text>") && svg.contains(">popular</text>") && svg.contains(">recall@20</text>"))
        #expect(svg.contains("fill=\"#ffffff\"") && !svg.contains("href"))
        let empty = QualityPlot(title: "a & b <c>", series: []).svg()
        #expect(XMLParser(data: Data(empty.utf8)).parse())
        #expect(empty.contains("a &amp; b &lt;c&gt;"))
    }

    @Test func aSeriesIsTheShareOfHitsInEachWindow() {
        var series = QualitySeries(windowLength: 4)
        for place in 0..<10 { series.record(isHit: place % 2 == 0 || place >= 8) }
        #expect(series.values == [0.5, 0.5, 1])
    }
}
