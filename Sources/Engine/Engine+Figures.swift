internal import Events
internal import Learning

extension Engine {
    /// Items in the catalogue.
    public var itemCount: Int { catalog.count }

    /// Users with a kept session.
    public var userCount: Int { sessions.count }

    /// Training steps taken: the version of the model.
    public var modelVersion: UInt64 { learner.version }

    /// Windows that were learned again.
    public var replayCount: UInt64 { replayedWindows }

    /// Events learned from so far.
    public var eventCount: UInt64 { sequence }
}
