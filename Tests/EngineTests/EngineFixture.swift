import Events

@testable import Engine

/// A small engine and the events to feed it.
enum Fixture {
    static let partition = TopicPartition(topic: "events", partition: 0)

    static func configuration(_ change: (inout EngineConfiguration) -> Void = { _ in }) -> EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.learner.dimensions = 16
        configuration.learner.itemsMax = 200
        configuration.learner.negatives = 32
        configuration.learner.window = 5
        configuration.learner.recentEvents = 200
        configuration.sessionLengthMax = 8
        configuration.usersMax = 100
        configuration.qualityWindow = 500
        configuration.rules = ListRules(count: 5, exclusions: [])
        change(&configuration)
        return configuration
    }

    static func user(_ name: String) -> UserID {
        guard let user = UserID(name) else { preconditionFailure("\(name) is an identifier") }
        return user
    }

    static func item(_ name: String) -> ItemID {
        guard let item = ItemID(name) else { preconditionFailure("\(name) is an identifier") }
        return item
    }

    static func input(
        _ user: String, _ item: String, type: String = "view", offset: Int64, wantsAnswer: Bool = true
    ) -> EngineInput {
        let event = Event(
            user: Self.user(user), item: Self.item(item), type: type,
            timestamp: Timestamp(milliseconds: 1_767_225_600_000 + offset))
        return EngineInput(
            content: .event(event), source: RecordSource(topicPartition: partition, offset: offset), wantsAnswer: wantsAnswer)
    }

    static func forget(_ user: String, offset: Int64) -> EngineInput {
        EngineInput(
            content: .forget(Self.user(user)), source: RecordSource(topicPartition: partition, offset: offset),
            wantsAnswer: true)
    }

    /// Visits of a circle of twelve items, each visit from another place on.
    static func circle(_ count: Int, from first: Int64 = 0) -> [EngineInput] {
        (0..<count).map { index in
            let place = Int(first) + index
            let visit = place / 6
            return input("u\(visit % 40)", "i\((visit * 5 + place % 6) % 12)", offset: Int64(place))
        }
    }
}

extension Engine {
    /// One input, answered and learned.
    mutating func take(_ input: EngineInput) throws(EngineError) -> EngineAnswer {
        let answers = try answer([input], now: Timestamp(milliseconds: 1_767_225_600_000))
        try learn(replay: .configured, batch: 1)
        return answers[0]
    }

    mutating func takeAll(_ inputs: [EngineInput]) throws(EngineError) -> [EngineAnswer] {
        var answers: [EngineAnswer] = []
        for input in inputs { answers.append(try take(input)) }
        return answers
    }
}

extension EngineAnswer {
    /// Names and scores of a list; nil where this is none.
    var items: [ScoredItem]? {
        guard case .list(let list) = self else { return nil }
        return list.items
    }

    var names: [String]? { items?.map(\.item.text) }
}
