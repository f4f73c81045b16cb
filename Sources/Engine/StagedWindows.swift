internal import SequenceModels

/// The windows that end in events not learned yet, copied when the event came: the session may have
/// moved on before they are learned.
struct StagedWindows {
    private var windows = WindowList()
    /// Those before it are learned.
    private var first = 0

    var count: Int { windows.count - first }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ events: [SessionEvent], weight: Float) {
        windows.append(events.span, weight: weight)
    }

    /// Calls `body` with each of the oldest `count`, and how much it counts.
    func forEach(first count: Int, _ body: (Span<SessionEvent>, Float) -> Void) {
        for window in first..<first + count {
            body(windows.events.span.extracting(windows.range(window)), windows.weight(window))
        }
    }

    /// The oldest `count` are learned.
    mutating func removeFirst(_ count: Int) {
        first += count
        guard isEmpty else { return }
        windows.removeAll()
        first = 0
    }
}
