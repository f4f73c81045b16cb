internal import Events
internal import SequenceModels

/// The windows of an epoch: every learned event of every user is a target once, and the order is drawn anew.
struct Rehearsal: Sendable {
    /// Part of a user's learned events, the first of them read only.
    struct Window: Equatable {
        var user: Int32
        var first: Int32
        var last: Int32
    }

    /// For each user with at least two, the places of the learned events.
    private let trails: [[Int32]]
    /// Events that an encoder reads at most.
    private let length: Int

    /// - Parameter length: events that an encoder reads, at least one.
    init(_ history: EventHistory, learned: ArraySlice<Int32>, length: Int) {
        var trails = [[Int32]](repeating: [], count: history.userCount)
        for place in learned { trails[history.userNumber(at: Int(place))].append(place) }
        self.trails = trails.filter { $0.count > 1 }
        self.length = max(1, length)
    }

    /// A longer session is cut at places that differ from epoch to epoch, so that no event has always the same
    /// few before it.
    func windows(using generator: inout SeededGenerator) -> [Window] {
        var windows: [Window] = []
        for (user, trail) in trails.enumerated() {
            let targets = trail.count - 1
            var first = 0
            var end = targets <= length ? targets : 1 + generator.next(below: length)
            while first < targets {
                windows.append(Window(user: Int32(user), first: Int32(first), last: Int32(end)))
                first = end
                end = min(end + length, targets)
            }
        }
        // Fisher and Yates 1938.
        for place in windows.indices.dropFirst().reversed() { windows.swapAt(place, generator.next(below: place + 1)) }
        return windows
    }

    func events(of window: Window, _ history: EventHistory) -> [Event] {
        let trail = trails[Int(window.user)]
        // The time before the first event that is read counts: one more says when that began.
        return trail[max(0, Int(window.first) - 1)...Int(window.last)].map { history[Int($0)] }
    }
}
