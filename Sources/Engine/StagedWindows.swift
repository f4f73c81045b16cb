internal import SequenceModels

/// The windows that end in events not learned yet, copied when the event came: the session may have
/// moved on before they are learned.
struct StagedWindows {
    private var windows: [(events: [SessionEvent], weight: Float)] = []
    /// Those before it are learned.
    private var first = 0

    var count: Int { windows.count - first }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ events: [SessionEvent], weight: Float) {
        windows.append((events, weight))
    }

    /// From the oldest.
    subscript(_ place: Int) -> (events: [SessionEvent], weight: Float) { windows[first + place] }

    /// The oldest `count` are learned.
    mutating func removeFirst(_ count: Int) {
        first += count
        guard isEmpty else { return }
        windows.removeAll(keepingCapacity: true)
        first = 0
    }
}
