internal import Events
internal import Learning
internal import SequenceModels
internal import Serving

/// The sessions whose lists are made together, so that the item table is read once for all.
struct ListGroup {
    /// An item that came, and when anybody had touched it before that.
    struct StagedItem {
        var item: ItemIndex
        var activeBefore: UInt64
    }

    /// Items of the events that were staged since the group began.
    var staged: [StagedItem] = []

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
        /// How many items were staged before its list.
        var stagedBefore: Int
        /// Where the answer goes.
        var place: Int
        var excluded: ItemSet
        /// What the counting models said, and the weights of the blend, when the event was staged.
        var pool: CandidatePool?
        var weights: Blend.Weights
    }

    var members: [Member] = []

    var isFull: Bool { members.count == Recommender.sessionsMax }
}
