public import Events
public import SequenceModels
public import Serving

/// What is asked in a back-test: what comes after these events of a user?
public struct ForecastQuestion: Sendable {
    public var user: UserID
    /// The newest events of the user, oldest first, learned or not; one more than
    /// ``Engine/windowMax`` where there are as many: the time before the first that is read counts.
    public var events: [Event]
    /// Events of the user, those before the newest included.
    public var sessionLength: Int
    /// Items wanted of each model.
    public var count: Int
    /// Rows that no list may have.
    public var excluded: [ItemIndex]
    /// Whether the blend's candidates are kept, to learn its weights when the user's next event is learned.
    public var keepsPool: Bool
    /// How far the events go, counted by whoever asks, where an encoder may go on from an earlier question.
    public var mark: SessionMark?
    /// Items whose scores are wanted beside the lists.
    public var probes: [ItemIndex] = []
    /// The item that came: each encoder's loss on it is told, where it is asked in float.
    public var target: ItemIndex?
    /// Whether each encoder is asked in float too.
    public var includesFloat = false

    public init(
        user: UserID, events: [Event], sessionLength: Int, count: Int, excluded: [ItemIndex], keepsPool: Bool
    ) {
        self.user = user
        self.events = events
        self.sessionLength = sessionLength
        self.count = count
        self.excluded = excluded
        self.keepsPool = keepsPool
    }
}

/// What each model expects, by its name.
public struct Forecast: Sendable {
    /// Item rows, best first.
    public internal(set) var lists: [String: [ItemIndex]] = [:]
    /// The score of each probe.
    public internal(set) var probeScores: [String: [Float]] = [:]
    /// The cross-entropy of the target over all items in nats, of each encoder in float.
    public internal(set) var losses: [String: Float] = [:]

    /// Stands behind the name of an encoder that was asked in float.
    public static let floatSuffix = "/float"

    /// Which models are asked.
    public enum Models: Sendable {
        case all
        /// Only what the blend needs; nothing where there is none.
        case blend
    }
}
