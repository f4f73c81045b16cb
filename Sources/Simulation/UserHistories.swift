internal import Events

/// What each user did, as the log has it: what every session must be, whoever kept it and wherever it went.
struct UserHistories {
    struct Step: Equatable {
        var item: String
        var type: String
    }

    /// For each user the partition, and all steps since the user was forgotten last, oldest first.
    private var histories: [String: (partition: TopicPartition, steps: [Step])] = [:]

    /// - Parameter inputs: partition by partition, in order.
    init(_ inputs: [(source: RecordSource, input: Traffic.Input)]) {
        for (source, input) in inputs {
            switch input.kind {
            case .event(let user, let item, let type):
                histories[user, default: (source.topicPartition, [])].steps.append(Step(item: item, type: type))
            case .forget(let user): histories[user] = (source.topicPartition, [])
            case .refused, .repetition: continue
            }
        }
    }

    /// In which users' sessions differ from what they did.
    ///
    /// - Parameters:
    ///   - lengthMax: events that a session keeps.
    ///   - session: what is kept of a user whose events come from a partition.
    func differences(lengthMax: Int, from session: (UserID, TopicPartition) -> KeptSession?) -> [String] {
        var differences: [String] = []
        for (name, history) in histories.sorted(by: { $0.key < $1.key }) {
            guard let user = UserID(name) else { continue }
            let kept = session(user, history.partition)?.events.map { Step(item: $0.item.text, type: $0.type) } ?? []
            let right = Array(history.steps.suffix(lengthMax))
            if kept != right { differences.append("\(name): \(Self.text(kept)), not \(Self.text(right))") }
        }
        return differences
    }

    private static func text(_ steps: [Step]) -> String { steps.map(\.item).joined(separator: " ") }
}
