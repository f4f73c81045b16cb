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
        let candidates = yardsticks.candidates(
            after: window, session: row, excluding: [], neighborsMax: Self.membersCandidatesMax)
        return countingPool(sessionLength: sessions[row].entries.count, candidates)
    }

    mutating func countingPool(sessionLength: Int, _ candidates: Yardsticks.Candidates) -> CandidatePool {
        var pool = CandidatePool(sessionLength: sessionLength, sequence: sequence)
        places.begin(pool)
        yardsticks.fill(&pool, with: candidates, count: Self.membersCandidatesMax, &places)
        return pool
    }

    /// Adds to a pool what the neural models say, and what is known of its items, once the session in `slot` is
    /// ranked. The session's own items are always candidates.
    ///
    /// - Parameters:
    ///   - probes: items that are to be in the pool whatever the models say.
    ///   - later: items of events that were counted since the pool was made.
    mutating func complete(
        _ pool: inout CandidatePool, slot: Int, window: [ItemIndex], probes: [ItemIndex],
        later: ArraySlice<ListGroup.StagedItem>
    ) {
        guard members.allSatisfy({ $0.candidates(ofSlot: slot).count > 0 }) else { return }
        places.begin(pool)
        for item in probes { pool.admit(item, &places) }
        for member in members {
            let candidates = member.candidates(ofSlot: slot)
            for candidate in 0..<candidates.count { pool.admit(ItemIndex(candidates.index(at: candidate)), &places) }
        }
        for item in window { pool.set(Blend.Feature.isSeen, of: item, to: 1, &places) }
        // One model's candidates have a score of the others too, further down.
        for (place, member) in members.enumerated() {
            member.scores(of: pool.items, slot: slot, into: &neuralScores)
            pool.setNeural(place, scores: neuralScores, best: member.candidates(ofSlot: slot).score(at: 0))
        }
        describe(&pool, later: later)
        for (place, item) in window.enumerated() {
            guard let candidate = places.place(of: item) else { continue }
            // An item that comes again counts where it stands last.
            pool.update(at: candidate) { features, _ in
                features[Blend.Feature.nearness] = 1 / Float(window.count - place)
                features[Blend.Feature.isCurrent] = place == window.count - 1 ? 1 : 0
            }
        }
    }

    /// How often and how lately each candidate came, before the items of `later`.
    private mutating func describe(_ pool: inout CandidatePool, later: ArraySlice<ListGroup.StagedItem>) {
        var history = pool.items.map { (count: yardsticks.occurrences(of: $0), active: catalog.lastActive(of: $0)) }
        for staged in later.reversed() {
            guard let place = places.place(of: staged.item) else { continue }
            history[place].count -= 1
            history[place].active = staged.activeBefore
        }
        let sequence = pool.sequence
        for (place, (count, active)) in history.enumerated() {
            let count = max(0, count)
            pool.update(at: place) { features, age in
                age = Blend.Age(occurrences: count)
                features[Blend.Feature.popularity] = Blend.logFrequency(count, of: sequence)
                features[Blend.Feature.staleness] = Blend.logStaleness(sequence - min(sequence, active))
            }
        }
    }

    /// Learns the weights from the event that has come after a list.
    mutating func learnBlend(_ pool: CandidatePool, target: ItemIndex?) {
        guard let target, let place = pool.place(of: target) else { return }
        blend.learn(pool: pool.features, ages: pool.ages, target: place, sessionLength: pool.sessionLength)
    }
}
