/// An item of a list, and how strongly it is recommended.
public struct ScoredItem: Equatable, Sendable {
    public let item: ItemID
    /// The model's score; comparable within one list only.
    public let score: Float
    /// The item of the user's own history that speaks most for this one; nil where none does.
    public let because: ItemID?

    public init(item: ItemID, score: Float, because: ItemID? = nil) {
        self.item = item
        self.score = score
        self.because = because
    }
}

/// Which model made a list.
public struct ModelVersion: Equatable, Sendable {
    public let encoder: String
    /// Training steps taken so far: grows by one with each.
    public let version: UInt64

    public init(encoder: String, version: UInt64) {
        self.encoder = encoder
        self.version = version
    }
}

/// A user's list, in falling score order, as it is published to the recommendations topic.
public struct Recommendation: Equatable, Sendable {
    public var user: UserID
    public var items: [ScoredItem]
    /// The time of the event that caused the list.
    public var asOf: Timestamp
    public var generatedAt: Timestamp
    public var model: ModelVersion
    /// The event that caused the list; nil where a query did.
    public var source: RecordSource?

    public init(
        user: UserID, items: [ScoredItem], asOf: Timestamp, generatedAt: Timestamp, model: ModelVersion,
        source: RecordSource?
    ) {
        self.user = user
        self.items = items
        self.asOf = asOf
        self.generatedAt = generatedAt
        self.model = model
        self.source = source
    }
}
