internal import Events
internal import Learning
internal import SequenceModels
internal import Serving

/// The sessions whose lists are made together, so that the item table is read once for all: encoded
/// already, each in a slot of the recommender, and not ranked yet.
struct ListGroup {
    /// Items of the events that were staged since the group began.
    var staged: [ItemIndex] = []

    struct Member {
        /// The session's row.
        var row: Int
        var asOf: Timestamp
        var source: RecordSource
        /// How many items were staged before its list.
        var stagedBefore: Int
        /// Where the answer goes.
        var place: Int
        var excluded: ItemSet
        /// What the counting models said, and the weights of the blend, when the event was staged.
        var pool: CandidatePool?
        var weights: Blend.Features
    }

    var members: [Member] = []

    var isFull: Bool { members.count == Recommender.sessionsMax }
}
