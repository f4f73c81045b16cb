public import Events
internal import Learning
internal import SequenceModels
internal import Serving
internal import Tensors

extension Engine {
    /// Newest session items that may be named as a reason.
    static let explainingItemsMax = 10

    /// A fresh list for `user`, of the newest state.
    ///
    /// - Returns: the list, and whether it is the popular one because nothing is known of the user.
    public mutating func recommendation(
        for user: UserID, rules: ListRules, now: Timestamp
    ) throws(EngineError) -> (list: Recommendation, isFallback: Bool) {
        if let row = sessions.row(of: user), !window(ofRow: row).isEmpty {
            return (try list(forRow: row, rules: rules, asOf: now, now: now, source: nil), false)
        }
        let items = yardsticks.popularity.order.prefix(rules.count).map { item in
            ScoredItem(item: catalog.id(of: item), score: Float(yardsticks.popularity.count(of: item)))
        }
        return (recommendation(user, items, asOf: now, now: now, source: nil), true)
    }

    /// The list that answers an event; its ranking is kept to be scored by the user's next event.
    mutating func list(
        forRow row: Int, asOf: Timestamp, now: Timestamp, source: RecordSource
    ) throws(EngineError) -> Recommendation {
        let result = try list(forRow: row, rules: configuration.rules, asOf: asOf, now: now, source: source)
        let count = min(Self.rankingMax, recommender.candidates.count)
        sessions[row].ranking = (0..<count).map { ItemIndex(recommender.candidates.index(at: $0)) }
        return result
    }

    private mutating func list(
        forRow row: Int, rules: ListRules, asOf: Timestamp, now: Timestamp, source: RecordSource?
    ) throws(EngineError) -> Recommendation {
        let window = window(ofRow: row)
        let excluded = excludedItems(row: row, rules.exclusions)
        let limit = max(Self.rankingMax, rules.count + excluded.count)
        try rank(window, limit: limit)
        explanation.begin(session: window.span, in: snapshot)
        var items: [ScoredItem] = []
        items.reserveCapacity(rules.count)
        for place in 0..<recommender.candidates.count where items.count < rules.count {
            let item = ItemIndex(recommender.candidates.index(at: place))
            if excluded.contains(item) { continue }
            let reason = explanation.reason(for: item, in: snapshot).map { [catalog.id(of: $0)] } ?? []
            items.append(
                ScoredItem(
                    item: catalog.id(of: item), score: recommender.candidates.score(at: place), because: reason))
        }
        return recommendation(sessions[row].user, items, asOf: asOf, now: now, source: source)
    }

    /// Ranks every item after the newest items of a session, into the recommender's candidates.
    mutating func rank(_ window: [ItemIndex], limit: Int) throws(EngineError) {
        let newest = window.span.extracting(last: configuration.learner.window)
        do {
            try recommender.rank(after: newest, in: snapshot, limit: limit)
        } catch {
            throw .diverged("encoding a session: \(error)")
        }
    }

    /// Rows that the rules take out of a list; at most twice the session's length.
    func excludedItems(row: Int, _ exclusions: Set<Exclusion>) -> [ItemIndex] {
        let session = sessions[row]
        var excluded: [ItemIndex] = []
        if exclusions.contains(.current), let last = session.entries.last { excluded.append(last.item) }
        if exclusions.contains(.seen) { excluded += session.entries.map(\.item) }
        if exclusions.contains(.purchased) { excluded += session.purchased.map(\.item) }
        return excluded
    }

    private func recommendation(
        _ user: UserID, _ items: [ScoredItem], asOf: Timestamp, now: Timestamp, source: RecordSource?
    ) -> Recommendation {
        Recommendation(
            user: user, items: items, asOf: asOf, generatedAt: now,
            model: ModelVersion(encoder: EngineConfiguration.encoderName, version: learner.version), source: source)
    }
}
