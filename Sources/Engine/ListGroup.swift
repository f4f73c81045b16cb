internal import Events
internal import SequenceModels
internal import Serving

/// The sessions whose lists are made together, so that the item table is read once for all.
struct ListGroup {
    struct Member {
        /// The session's row.
        var row: Int
        /// What the neural models are asked.
        var query: SessionQuery
        var asOf: Timestamp
        var source: RecordSource
        /// Whether the user's next event scores the list, and whether it goes out.
        var isKept: Bool
        var isPublished: Bool
        /// Where the answer goes.
        var place: Int
        var excluded: ItemSet
    }

    var members: [Member] = []

    var isFull: Bool { members.count == Recommender.sessionsMax }
}
