public import Events

/// An accepted event, and what the engine is to do with it beyond what its own watermark says.
public struct EngineInput: Sendable {
    public enum Content: Sendable {
        case event(Event)
        case forget(UserID)
    }

    public var content: Content
    public var source: RecordSource
    /// False where an earlier run published the list and committed the offset already.
    public var wantsAnswer: Bool
    /// Whether a new event's list is made and scored by the user's next event also where it does not go out: so
    /// what is learned does not depend on what was published.
    public var isAlwaysRanked: Bool

    public init(content: Content, source: RecordSource, wantsAnswer: Bool, isAlwaysRanked: Bool = false) {
        self.isAlwaysRanked = isAlwaysRanked
        self.content = content
        self.source = source
        self.wantsAnswer = wantsAnswer
    }
}

/// What is to be published for one input.
public enum EngineAnswer: Sendable {
    case list(Recommendation)
    /// The user was forgotten: withdraw the list.
    case tombstone(UserID, source: RecordSource)
    /// Nothing to publish: an earlier run answered.
    case none(source: RecordSource)
    /// Nothing to publish: the same event came before, by its id.
    case repetition(source: RecordSource)
}
