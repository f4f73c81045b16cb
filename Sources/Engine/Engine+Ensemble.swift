internal import Learning
internal import SequenceModels
internal import Serving
internal import Tensors

/// The ensemble: candidates of the neural model, of the nearest sessions and of the sequential rules, in
/// one order by a blend of what each says.
extension Engine {
    /// Candidates that each member brings.
    static let membersCandidatesMax = 60

    /// What the counting models say of a session, before anything later is counted.
    mutating func countingPool(row: Int, window: [ItemIndex]) -> CandidatePool {
        var pool = CandidatePool(sessionLength: sessions[row].entries.count, sequence: sequence)
        let candidates = yardsticks.candidates(
            after: window, session: row, excluding: [], neighborsMax: Self.membersCandidatesMax)
        yardsticks.fill(&pool, with: candidates, count: Self.membersCandidatesMax)
        return pool
    }

    /// The pool with what the neural model says, once the session in `slot` is ranked.
    ///
    /// - Parameter later: items of events that were counted since the pool was made.
    func completed(
        _ pool: CandidatePool, slot: Int, window: [ItemIndex], later: ArraySlice<ListGroup.StagedItem>
    ) -> CandidatePool {
        var pool = pool
        var best: [Float] = []
        for (place, member) in members.enumerated() {
            let candidates = member.candidates(ofSlot: slot)
            guard candidates.count > 0 else { return pool }
            best.append(candidates.score(at: 0))
            for candidate in 0..<candidates.count {
                pool.set(
                    Blend.Feature.neural(place), of: ItemIndex(candidates.index(at: candidate)),
                    to: candidates.score(at: candidate) - best[place])
            }
        }
        for item in window { pool.set(Blend.Feature.isSeen, of: item, to: 1) }
        let sequence = pool.sequence
        pool.update { item, features, age in
            // The others' candidates have a neural score too, further down.
            for (place, member) in members.enumerated() where features[Blend.Feature.neural(place)] == 0 {
                features[Blend.Feature.neural(place)] = min(0, member.score(item, slot: slot) - best[place])
            }
            let occurrences = yardsticks.occurrences(of: item, before: later)
            age = Blend.Age(occurrences: occurrences)
            features[Blend.Feature.popularity] = Blend.logFrequency(occurrences, of: sequence)
            let active = later.first { $0.item == item }?.activeBefore ?? catalog.lastActive(of: item)
            features[Blend.Feature.staleness] = Blend.logStaleness(sequence - min(sequence, active))
            guard let place = window.lastIndex(of: item) else { return }
            features[Blend.Feature.nearness] = 1 / Float(window.count - place)
            features[Blend.Feature.isCurrent] = place == window.count - 1 ? 1 : 0
        }
        return pool
    }

    /// Learns the weights from the event that has come after a list.
    mutating func learnBlend(_ pool: CandidatePool, target: ItemIndex?) {
        guard let target, let place = pool.place(of: target) else { return }
        blend.learn(pool: pool.features, ages: pool.ages, target: place, sessionLength: pool.sessionLength)
    }
}
