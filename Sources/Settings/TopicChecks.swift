internal import Events

extension Settings.Topics {
    /// Topics that every broker has for itself: a pattern that matches them reads what is no event.
    private static let internalTopics = ["__consumer_offsets", "__transaction_state"]

    /// Every topic that the daemon writes, with its key.
    private var written: [(key: String, name: String)] {
        [("topics.recommendations", recommendations), ("topics.dead_letters", deadLetters)]
            + (sessions.map { [("topics.sessions", $0)] } ?? [])
    }

    /// What cannot work: names that Kafka refuses, and topics that are written and read as something else.
    func problems() -> [(key: String, message: String)] {
        var problems = written.compactMap { topic in TopicName.problem(topic.name).map { (key: topic.key, message: $0) } }
        for (place, topic) in written.enumerated() {
            for earlier in written[..<place] where earlier.name == topic.name {
                problems.append((topic.key, "is \(topic.name) as \(earlier.key) is: give each a topic of its own"))
            }
        }
        return problems + (TopicName.isPattern(events) ? patternProblems() : nameProblems())
    }

    private func nameProblems() -> [(key: String, message: String)] {
        if let problem = TopicName.problem(events) { return [("topics.events", problem)] }
        return written.filter { $0.name == events }.map {
            ($0.key, "is \($0.name), where events are read: what is written there would come back for ever")
        }
    }

    private func patternProblems() -> [(key: String, message: String)] {
        guard let pattern = TopicPattern(events) else { return [("topics.events", "begins with ^ and is no POSIX extended expression")] }
        var problems = written.filter { pattern.matches($0.name) }.map {
            (key: "topics.events", message: "matches \($0.name) of \($0.key): what is written there would come back for ever")
        }
        problems += Self.internalTopics.filter(pattern.matches).map {
            ("topics.events", "matches \($0), which is the brokers' own and holds no events")
        }
        return problems
    }
}
