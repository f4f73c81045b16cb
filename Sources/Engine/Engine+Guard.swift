internal import Learning
internal import SequenceModels

/// Why a model went back to its last good parameters.
public enum RollbackReason: String, Sendable, CaseIterable {
    /// A number was not finite.
    case notFinite = "not_finite"
    /// Its lists had become worse than the configuration allows.
    case degraded
}

/// A model that went back to its last good parameters.
public struct Rollback: Equatable, Sendable {
    public var model: String
    public var reason: RollbackReason
}

extension Engine {
    /// The models that went back since the last call, for a log.
    public mutating func takeRollbacks() -> [Rollback] {
        let taken = newRollbacks
        newRollbacks = []
        return taken
    }

    /// Judges every member by the lists that the event has just scored.
    mutating func guardQuality(_ hits: (_ model: String) -> Bool) throws(EngineError) {
        for place in members.indices {
            switch guards[place].record(model: hits(members[place].name), rules: hits(YardstickName.rules)) {
            case .none: continue
            case .good:
                // A checkpoint under way is of the point before.
                if capture != nil { for item in members[place].learner.changedSinceGood { preserve(item: item) } }
                members[place].markGood()
            case .degraded: try rollBack(members[place], .degraded)
            }
        }
    }

    /// Goes back to the last good parameters. What was learned since is lost to this member; the stream goes on.
    mutating func rollBack(_ member: NeuralMember, _ reason: RollbackReason) throws(EngineError) {
        try member.rollBack { item in
            preserve(item: item)
            changes.touchItem(item)
        }
        rollbacks[member.name, default: [:]][reason, default: 0] += 1
        newRollbacks.append(Rollback(model: member.name, reason: reason))
    }
}
