internal import SequenceModels

/// The windows that end in events not learned yet, copied when the event came: the session may have
/// moved on before they are learned.
struct StagedWindows {
    private(set) var windows: [(events: [SessionEvent], weight: Float)] = []

    var isEmpty: Bool { windows.isEmpty }

    mutating func append(_ events: [SessionEvent], weight: Float) {
        windows.append((events, weight))
    }

    mutating func removeAll() {
        windows.removeAll(keepingCapacity: true)
    }
}
