import Engine
import Events
import Foundation
import Testing

@testable import Evaluation

/// The protocols: what is learned, what is scored, and with what knowledge.
@Suite struct ScheduleTests {
    private static let day: Int64 = 86_400_000

    @Test func temporalScoresTheHeldOutPartFrozen() throws {
        let train = [("u", "a"), ("u", "b"), ("v", "a"), ("v", "b")]
        let history = try Fixture.history(train + [("x", "a"), ("x", "b"), ("x", "c"), ("x", "c"), ("v", "a")])
        let schedule = Schedule.temporal(history, trainCount: 4)
        #expect(schedule.learned == [0, 1, 2, 3])
        // x:a is its user's first event; v goes on from the training part.
        #expect(schedule.cases.map(\.place) == [5, 6, 7, 8])
        #expect(schedule.cases.allSatisfy { $0.learned == 4 })
        let report = try Fixture.report(history, schedule)
        #expect(report.protocol == "temporal")
        #expect(report.scored == 4)
        // c was never learned, the second time either: nothing of the held-out part is.
        #expect(report.cold == 0.5)
        #expect(report.models["markov"]?.hr20 == 0.5)
        // x:b follows the rule; v:a after b is known by its popularity only.
        #expect(report.models["markov"]?.mrr20 == 0.5)
    }

    /// A held-out session grows as it goes, though nothing is learned from it.
    @Test func heldOutSessionsGrow() throws {
        let circle = Fixture.circle(600)
        let last = (circle.last?.timestamp.milliseconds ?? 0) + 1000
        let test = (0..<12).map { Fixture.event("new", "i\($0)", at: last + Int64($0) * 1000) }
        let history = try Fixture.history(circle + test)
        let report = try Fixture.report(history, .temporal(history, trainCount: 600))
        #expect(report.scored == 11)
        #expect(report.models["markov"]?.mrr20 == 1)
        #expect((report.models["gru"]?.mrr20 ?? 0) > 0.5)
    }

    /// A user of whom no item is known is expected to take what is popular, and counts.
    @Test func aSessionOfUnknownItemsIsScoredByPopularity() throws {
        let history = try Fixture.history([("u", "a"), ("u", "a"), ("u", "b"), ("x", "new"), ("x", "a")])
        let report = try Fixture.report(history, .temporal(history, trainCount: 3), Fixture.configuration { $0.encoder = .ensemble }) {
            $0.includesFloat = true
        }
        #expect(report.scored == 1)
        for (model, metrics) in report.models { #expect(metrics.mrr20 == 1, "\(model)") }
    }

    @Test func continualTestsAPeriodBeforeItIsLearned() throws {
        func events(_ day: Int64, _ user: String, _ items: String) -> [Event] {
            items.enumerated().map { place, item in
                Fixture.event(user, String(item), at: Fixture.start + day * Self.day + Int64(place) * 1000)
            }
        }
        let history = try Fixture.history(
            events(0, "u", "abab") + events(1, "v", "abc") + events(3, "w", "abc") + events(3, "x", "zz"))
        let schedule = Schedule.continual(history, period: .seconds(86_400))
        #expect(schedule.cases.map(\.place) == [5, 6, 8, 9, 11])
        #expect(schedule.cases.map(\.learned) == [4, 4, 7, 7, 7])
        #expect(schedule.cases.map(\.group) == [1, 1, 3, 3, 3])
        let report = try Fixture.report(history, schedule)
        // c of day 1 and z are dropped; b of day 1, and b and c of day 3 are scored.
        #expect(report.scored == 3)
        #expect(report.cold == 0.4)
        // Each period weighs the same. c after b is second on day 3: a came after b as often, and before c.
        #expect(report.models["markov"]?.hr20 == 1)
        #expect(report.models["markov"]?.mrr20 == (1 + (1 + 0.5) / 2) / 2)
        #expect(report.events == 12)
    }

    @Test func periodsMeanTheSameHoweverManyEventsTheyHave() throws {
        var events = [Fixture.event("u", "a", at: Fixture.start), Fixture.event("u", "b", at: Fixture.start + 1)]
        // Day 1: the one target is popular but no successor. Day 2: nine targets that are successors.
        events += ["b", "b"].enumerated().map { Fixture.event("v", $1, at: Fixture.start + Self.day + Int64($0)) }
        for user in 0..<9 {
            events += ["a", "b"].enumerated().map {
                Fixture.event("w\(user)", $1, at: Fixture.start + 2 * Self.day + Int64(2 * user + $0))
            }
        }
        let history = try Fixture.history(events)
        let report = try Fixture.report(history, .continual(history, period: .seconds(86_400)))
        #expect(report.scored == 10)
        // Day 1: a before b, which came to the same count later. Day 2: b first after a.
        #expect(abs((report.models["markov"]?.mrr20 ?? 0) - (0.5 + 1) / 2) < 1e-12)
    }

    @Test func oneLongPeriodHasNothingToTest() throws {
        let history = try Fixture.history(Fixture.circle(60))
        let report = try Fixture.report(history, .continual(history, period: .seconds(86_400 * 365)))
        #expect(report.scored == 0 && report.cold == 0 && report.events == 60)
        #expect(report.models["gru"]?.hr20 == 0)
    }

    @Test func leaveOneOutHoldsTheLastTwoBack() throws {
        let history = try Fixture.history([
            ("u", "a"), ("v", "a"), ("u", "b"), ("v", "b"), ("w", "a"), ("w", "b"), ("u", "c"), ("v", "c"), ("u", "d"), ("w", "d"),
            ("short", "a"), ("short", "b"),
        ])
        let schedule = Schedule.leaveOneOut(history)
        // u: a b | c | d, v: a | b | c, w: a | b | d; short is learned whole.
        #expect(schedule.learned == [0, 1, 2, 4, 10, 11])
        #expect(schedule.cases.map(\.place) == [7, 8, 9])
        #expect(schedule.cases.allSatisfy { $0.learned == 6 })
        let report = try Fixture.report(history, schedule) { $0.exclusion = .seen }
        #expect(report.scored == 3)
        // d and c are learned from nobody.
        #expect(report.cold == 1)
        #expect(report.models["gru"]?.hr20 == 0)
    }

    /// The item that is held back for validation is read, though it is not learned.
    @Test func leaveOneOutReadsTheValidationItem() throws {
        let history = try Fixture.history(
            Fixture.circle(600) + (0..<4).map { Fixture.event("z", "i\($0)", at: Fixture.start + 700_000 + Int64($0) * 1000) })
        let report = try Fixture.report(history, .leaveOneOut(history))
        #expect(report.scored == 101)
        #expect(report.models["markov"]?.mrr20 == 1)
    }
}
