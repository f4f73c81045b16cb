internal import Events
internal import SequenceModels
internal import Serving

/// The sessions whose lists are made together, so that the item table is read once for all.
struct ListGroup {
    struct Member {
        /// The session's row.
        var row: Int
        var asOf: Timestamp
        var source: RecordSource
        /// Whether the user's next event scores the list, and whether it goes out.
        var isKept: Bool
        var isPublished: Bool
        /// Where the answer goes.
        var place: Int
        /// Candidates that are ordered, so many that a list is left of them whatever the rules take out.
        var limit: Int
    }

    private(set) var members: [Member] = []
    /// What the neural models are asked, for each member.
    private(set) var queries = SessionQueries()

    /// - Parameters:
    ///   - window: the member's session, oldest event first.
    ///   - mark: how far it goes.
    mutating func append(_ member: Member, window: Span<SessionEvent>, limit: Int, mark: SessionMark?) {
        members.append(member)
        queries.append(window, limit: limit, mark: mark)
    }

    /// Their memory stays.
    mutating func removeAll() {
        members.removeAll(keepingCapacity: true)
        queries.removeAll()
    }

    var isFull: Bool { members.count == Recommender.sessionsMax }
}
