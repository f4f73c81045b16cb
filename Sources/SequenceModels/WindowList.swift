/// Windows of sessions, laid end to end: reused from step to step, so that a window costs no allocation.
public struct WindowList: Sendable {
    public private(set) var events: [SessionEvent] = []
    private var windows: [(end: Int, weight: Float)] = []

    public init() {}

    public var count: Int { windows.count }
    public var isEmpty: Bool { windows.isEmpty }

    /// Adds a window, oldest event first.
    public mutating func append(_ window: Span<SessionEvent>, weight: Float) {
        for place in window.indices { events.append(window[place]) }
        windows.append((events.count, weight))
    }

    /// Where a window stands among ``events``.
    public func range(_ window: Int) -> Range<Int> { (window > 0 ? windows[window - 1].end : 0)..<windows[window].end }

    /// How much a window counts.
    public func weight(_ window: Int) -> Float { windows[window].weight }

    public mutating func removeAll() {
        events.removeAll(keepingCapacity: true)
        windows.removeAll(keepingCapacity: true)
    }
}
