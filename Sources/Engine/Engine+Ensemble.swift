internal import Learning
internal import SequenceModels
internal import Serving
internal import Tensors

/// The ensemble: candidates of the neural model, of the nearest sessions and of the sequential rules, in
/// one order by a blend of what each says.
extension Engine {
    /// Candidates that each member brings.
    static let membersCandidatesMax = 60

    /// Makes a pool that of a session, with what the counting models say of it.
    func fill(_ pool: inout CandidatePool, row: Int, window: [ItemIndex], _ desk: ListDesk) {
        let candidates = yardsticks.candidates(
            after: window, session: row, excluding: [], neighborsMax: Self.membersCandidatesMax, using: &desk.query)
        pool.begin(sessionLength: sessions[row].entries.count, sequence: sequence)
        fill(&pool, candidates, desk)
    }

    func countingPool(sessionLength: Int, _ candidates: Yardsticks.Candidates, _ desk: ListDesk) -> CandidatePool {
        var pool = CandidatePool(sessionLength: sessionLength, sequence: sequence)
        fill(&pool, candidates, desk)
        return pool
    }

    private func fill(_ pool: inout CandidatePool, _ candidates: Yardsticks.Candidates, _ desk: ListDesk) {
        pool.locate(&desk.places)
        yardsticks.fill(&pool, with: candidates, count: Self.membersCandidatesMax, &desk.places)
    }

    /// Adds to a pool what the neural models say, and what is known of its items, once the session in `slot` is
    /// ranked. The session's own items are always candidates.
    ///
    /// - Parameter probes: items that are to be in the pool whatever the models say.
    func complete(
        _ pool: inout CandidatePool, slot: Int, window: [ItemIndex], probes: [ItemIndex], _ desk: ListDesk
    ) {
        guard members.allSatisfy({ $0.candidates(ofSlot: slot).count > 0 }) else { return }
        pool.locate(&desk.places)
        for item in probes { pool.admit(item, &desk.places) }
        for member in members {
            let candidates = member.candidates(ofSlot: slot)
            for candidate in 0..<candidates.count { pool.admit(ItemIndex(candidates.index(at: candidate)), &desk.places) }
        }
        for item in window { pool.set(Blend.Feature.isSeen, of: item, to: 1, &desk.places) }
        // One model's candidates have a score of the others too, further down.
        for (place, member) in members.enumerated() {
            member.scores(ofPool: pool.items, slot: slot, desk)
            pool.setNeural(place, scores: desk.neuralScores, best: member.candidates(ofSlot: slot).score(at: 0))
        }
        describe(&pool)
        for (place, item) in window.enumerated() {
            guard let candidate = desk.places.place(of: Int(item)) else { continue }
            // An item that comes again counts where it stands last.
            pool.update(at: candidate) { features, _ in
                features[Blend.Feature.nearness] = 1 / Float(window.count - place)
                features[Blend.Feature.isCurrent] = place == window.count - 1 ? 1 : 0
            }
        }
    }

    /// How often and how lately each candidate came.
    private func describe(_ pool: inout CandidatePool) {
        let sequence = pool.sequence
        for (place, item) in pool.items.enumerated() {
            let (count, active) = (yardsticks.occurrences(of: item), catalog.lastActive(of: item))
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
