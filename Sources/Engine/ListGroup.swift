internal import Events
internal import SequenceModels
internal import Serving

/// The sessions whose lists are made together, so that the item table is read once for all: encoded
/// already, each in a slot of the recommender, and not ranked yet.
struct ListGroup {
    struct Member {
        /// The session's row.
        var row: Int
        var asOf: Timestamp
        var source: RecordSource
        /// Where the answer goes.
        var place: Int
        var excluded: [ItemIndex]
    }

    var members: [Member] = []

    var isFull: Bool { members.count == Recommender.sessionsMax }
}
