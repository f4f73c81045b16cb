internal import Events

/// The order of a back-test: which events are learned, and which are scored when so many of them are.
///
/// Every protocol comes down to it. What a scored event's user did before is read from the history, learned
/// or not: a session grows in a held-out part too, though nothing is learned from it.
public struct Schedule: Sendable {
    /// One event that is scored.
    struct Case: BitwiseCopyable {
        var place: Int32
        /// How many events of ``Schedule/learned`` come before.
        var learned: Int32
        /// Figures are means over groups: the periods of a continual test; one group elsewhere.
        var group: Int32
    }

    public let name: EvaluationProtocol
    /// Places in the history, in the order in which they are learned.
    let learned: [Int32]
    let cases: [Case]
    /// Places that are neither learned nor scored: what tells when to stop going over what is learned.
    var validation: [Int32] = []
    /// Whether a target that was not learned of is left out instead of a miss.
    let dropsCold: Bool

    /// Test, then train: every event but a user's first is scored before it is learned.
    public static func prequential(_ history: EventHistory) -> Schedule {
        let places = Int32(0)..<Int32(history.count)
        let cases = places.lazy.filter { history.position(of: Int($0)) > 0 }.map { Case(place: $0, learned: $0, group: 0) }
        return Schedule(name: .prequential, learned: Array(places), cases: Array(cases), dropsCold: false)
    }

    /// The first `trainCount` events are learned, the others scored with what was learned then.
    public static func temporal(_ history: EventHistory, trainCount: Int) -> Schedule {
        let count = Int32(min(trainCount, history.count))
        let cases = (count..<Int32(history.count)).lazy.filter { history.position(of: Int($0)) > 0 }
            .map { Case(place: $0, learned: count, group: 0) }
        return Schedule(name: .temporal, learned: Array(0..<count), cases: Array(cases), dropsCold: false)
    }

    /// Each period is scored with what was learned before it began, then learned, once. A target that nobody
    /// had touched by then is left out, as in ADER (Mi, Lin and Faltings 2020).
    ///
    /// Periods of whole days start at midnight UTC. An event whose time goes back belongs to the period that
    /// has begun.
    public static func continual(_ history: EventHistory, period: Duration) -> Schedule {
        let length = max(1, Int64(period / .milliseconds(1)))
        var start: Int64 = 0
        var (group, groupStart): (Int64, Int32) = (0, 0)
        var cases: [Case] = []
        for place in Int32(0)..<Int32(history.count) {
            let time = history.timestamp(at: Int(place)).milliseconds
            if place == 0 { start = length % day == 0 ? time - time % day : time }
            let current = (time - start) / length
            if current > group { (group, groupStart) = (current, place) }
            guard groupStart > 0, history.position(of: Int(place)) > 0 else { continue }
            cases.append(Case(place: place, learned: groupStart, group: Int32(clamping: group)))
        }
        return Schedule(
            name: .continual, learned: Array(0..<Int32(history.count)), cases: cases, dropsCold: true)
    }

    private static let day: Int64 = 86_400_000

    /// A user's last event is scored, the one before it is the validation item that training does not see,
    /// and everything else is learned in its order (Kang and McAuley 2018). Users of fewer than three events
    /// are learned only.
    public static func leaveOneOut(_ history: EventHistory) -> Schedule {
        var learned: [Int32] = []
        var cases: [Case] = []
        var validation: [Int32] = []
        for place in Int32(0)..<Int32(history.count) {
            let trail = history.trail(ofUser: history.userNumber(at: Int(place)))
            let left = trail.count - history.position(of: Int(place))
            if trail.count < 3 || left > 2 {
                learned.append(place)
            } else if left == 2 {
                validation.append(place)
            } else {
                cases.append(Case(place: place, learned: 0, group: 0))
            }
        }
        for index in cases.indices { cases[index].learned = Int32(learned.count) }
        return Schedule(
            name: .leaveOneOut, learned: learned, cases: cases, validation: validation, dropsCold: false)
    }
}

/// How lists are made and scored.
public enum EvaluationProtocol: String, Sendable, CaseIterable {
    case prequential
    case continual
    case temporal
    case leaveOneOut = "leave-one-out"
}
