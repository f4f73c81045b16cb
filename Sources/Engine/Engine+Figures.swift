internal import Events
internal import Learning
internal import SequenceModels

extension Engine {
    /// Items in the catalogue.
    public var itemCount: Int { catalog.count }

    /// Users with a kept session.
    public var userCount: Int { sessions.count }

    /// Training steps taken: the version of the model.
    public var modelVersion: UInt64 { members.first?.learner.version ?? 0 }

    /// Windows that were learned again.
    public var replayCount: UInt64 { members.reduce(0) { $0 + $1.replayedWindows } }

    /// Events that the counting models have of the items that are there, as far as they have not been halved.
    public var countedEvents: Int { (0..<catalog.count).reduce(0) { $0 + yardsticks.occurrences(of: ItemIndex($1)) } }

    /// Events so far: learned from, or come with a session that was adopted.
    public var eventCount: UInt64 { sequence }
}
