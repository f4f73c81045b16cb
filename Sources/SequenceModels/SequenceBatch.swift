/// The input of one training step: windows of sessions, each position with the item that came next.
///
/// Positions are laid out by time: first the first items of all windows, then the second ones, and so on,
/// the longest window first. A recurrent step thus multiplies the rows of all windows at once, and the
/// row before row i of a step is row i of the step before.
///
/// Reused from step to step; its capacity is the step's written maximum.
public struct SequenceBatch: Sendable {
    /// The item read at each position; filled by ``arrange()``, as the two below.
    public private(set) var inputs: [ItemIndex] = []
    /// What kind of event it was, how long after the one before, and whether the window had met the item.
    public private(set) var types: [UInt8] = []
    public private(set) var gaps: [UInt8] = []
    public private(set) var repetitions: [UInt8] = []
    /// For each position, where in ``recentItems`` the different items stand that its window has met by then.
    public private(set) var recents: [Range<Int>] = []
    /// See ``RepeatHead/items(of:)``.
    public private(set) var recentItems: [ItemIndex] = []
    /// The item that followed it.
    public private(set) var targets: [ItemIndex] = []
    /// The number that came with the target, where one did.
    public private(set) var targetValues: [Float?] = []
    /// How much the position counts in the loss; 0 where it is context only.
    public private(set) var weights: [Float] = []
    /// The positions of each moment.
    public private(set) var steps: [Range<Int>] = []
    /// For each row of a step, the window that it belongs to, in the order in which windows were added.
    public private(set) var order: [Int] = []

    /// The windows as they were added, laid end to end.
    private var events: [SessionEvent] = []
    private var eventRepetitions: [UInt8] = []
    private var eventRecents: [Range<Int>] = []
    private var eventWeights: [Float] = []
    private var windows: [(start: Int, length: Int)] = []

    public let positionsMax: Int
    /// Of the windows that were added, or of those that were laid out since.
    public private(set) var positionCount = 0

    public var windowCount: Int { windows.count }

    public init(positionsMax: Int) {
        self.positionsMax = positionsMax
        inputs.reserveCapacity(positionsMax)
        targets.reserveCapacity(positionsMax)
        weights.reserveCapacity(positionsMax)
    }

    public mutating func removeAll() {
        events.removeAll(keepingCapacity: true)
        eventRepetitions.removeAll(keepingCapacity: true)
        eventRecents.removeAll(keepingCapacity: true)
        recentItems.removeAll(keepingCapacity: true)
        eventWeights.removeAll(keepingCapacity: true)
        windows.removeAll(keepingCapacity: true)
        positionCount = 0
    }

    /// Adds one window: `sequence[i]` is read, `sequence[i + 1]` is its target, weighted `weight(i)`.
    ///
    /// - Returns: false, and nothing added, where the window has no target or does not fit.
    @discardableResult
    public mutating func append(_ sequence: Span<SessionEvent>, weight: (Int) -> Float) -> Bool {
        let length = sequence.count - 1
        guard length >= 1, positionCount + length <= positionsMax else { return false }
        windows.append((events.count, length))
        for index in 0...length {
            events.append(sequence[index])
            eventRepetitions.append(UInt8(SessionEvent.repetition(index, in: sequence)))
            eventWeights.append(index < length ? weight(index) : 0)
            meet(sequence[index].item, isFirst: index == 0)
        }
        positionCount += length
        return true
    }

    /// Puts an item before the other items of its window.
    private mutating func meet(_ item: ItemIndex, isFirst: Bool) {
        let start = recentItems.count
        recentItems.append(item)
        if !isFirst, let before = eventRecents.last {
            for place in before where recentItems[place] != item && recentItems.count - start < RepeatHead.itemsMax {
                recentItems.append(recentItems[place])
            }
        }
        eventRecents.append(start..<recentItems.count)
    }

    /// The windows from `first` on that have at most so many positions together, one at least: the next part of the
    /// batch, in the order in which windows were added. Empty behind the last.
    public func part(from first: Int, positionsMax: Int) -> Range<Int> {
        var (end, count) = (first, 0)
        while end < windows.count, end == first || count + windows[end].length <= positionsMax {
            count += windows[end].length
            end += 1
        }
        return first..<end
    }

    /// Lays the positions out. Call after the last window was added.
    public mutating func arrange() { arrange(windows.indices) }

    /// The same for some windows: the batch is then as if there were no others.
    public mutating func arrange(_ part: Range<Int>) {
        positionCount = windows[part].reduce(0) { $0 + $1.length }
        order.removeAll(keepingCapacity: true)
        order.append(contentsOf: part)
        order.sort { left, right in
            windows[left].length != windows[right].length ? windows[left].length > windows[right].length : left < right
        }
        inputs.removeAll(keepingCapacity: true)
        types.removeAll(keepingCapacity: true)
        gaps.removeAll(keepingCapacity: true)
        repetitions.removeAll(keepingCapacity: true)
        recents.removeAll(keepingCapacity: true)
        targets.removeAll(keepingCapacity: true)
        targetValues.removeAll(keepingCapacity: true)
        weights.removeAll(keepingCapacity: true)
        steps.removeAll(keepingCapacity: true)
        var time = 0
        while inputs.count < positionCount {
            let start = inputs.count
            for window in order {
                guard windows[window].length > time else { break }
                let place = windows[window].start + time
                inputs.append(events[place].item)
                types.append(events[place].type)
                gaps.append(events[place].gap)
                repetitions.append(eventRepetitions[place])
                recents.append(eventRecents[place])
                targets.append(events[place + 1].item)
                targetValues.append(events[place + 1].value)
                weights.append(eventWeights[place])
            }
            steps.append(start..<inputs.count)
            time += 1
        }
    }
}
