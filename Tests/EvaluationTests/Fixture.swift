import Engine
import Events
import Foundation
import Testing

@testable import Evaluation

/// A small engine, and streams to test it with.
enum Fixture {
    static let start: Int64 = 1_767_225_600_000

    static func configuration(_ change: (inout EngineConfiguration) -> Void = { _ in }) -> EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.learner.dimensions = 16
        configuration.learner.itemsMax = 2000
        configuration.learner.negatives = 16
        configuration.usersMax = 2000
        change(&configuration)
        return configuration
    }

    static func event(_ user: String, _ item: String, at milliseconds: Int64, value: Double? = nil) -> Event {
        guard let user = UserID(user), let item = ItemID(item) else { preconditionFailure("identifiers") }
        return Event(user: user, item: item, timestamp: Timestamp(milliseconds: milliseconds), value: value)
    }

    /// Users with their items, one event a millisecond.
    static func history(_ pairs: [(String, String)]) throws -> EventHistory {
        try history(pairs.enumerated().map { event($1.0, $1.1, at: start + Int64($0)) })
    }

    static func history(_ events: [Event]) throws -> EventHistory {
        var history = EventHistory()
        for event in events { try history.append(event) }
        return history
    }

    /// Visits of six steps around a circle of twelve items, a second apart: what comes next is certain.
    static func circle(_ count: Int) -> [Event] {
        (0..<count).map { place in
            let visit = place / 6
            return event("u\(visit)", "i\((visit * 5 + place % 6) % 12)", at: start + Int64(place) * 1000)
        }
    }

    static func run(
        _ history: EventHistory, _ schedule: Schedule, _ configuration: EngineConfiguration = configuration(),
        _ change: (inout BacktestOptions) -> Void = { _ in }
    ) throws -> Backtest {
        var options = BacktestOptions()
        change(&options)
        let backtest = try Backtest(history, schedule, configuration, options)
        try backtest.run { _ in }
        return backtest
    }

    static func report(
        _ history: EventHistory, _ schedule: Schedule, _ configuration: EngineConfiguration = configuration(),
        _ change: (inout BacktestOptions) -> Void = { _ in }
    ) throws -> EvaluationReport {
        try run(history, schedule, configuration, change).report(elapsed: .seconds(2))
    }
}
