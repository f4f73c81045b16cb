/// Whose window it is, and how far it goes: by this a window is known as one that goes on where an earlier one ended.
public struct SessionMark: Equatable, Sendable {
    /// The session's row.
    public var session: Int
    /// The number of the window's newest event, and of the one before it, nil where it is the first. Numbers rise by
    /// one with each event of the stream, whosever it is, and wrap around; no two events of a session have the same.
    public var newest: UInt32
    public var previous: UInt32?

    public init(session: Int, newest: UInt32, previous: UInt32?) {
        (self.session, self.newest, self.previous) = (session, newest, previous)
    }
}
