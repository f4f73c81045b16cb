/// Which records of one partition are done with: answered and acknowledged, or without need of an answer. What may be
/// committed is everything before the first that is not.
struct PartitionOffsets {
    /// Offsets in the order in which they were read, and how many pending records each waits for.
    private var entries: [(offset: Int64, open: Int32)] = []
    /// Entries before this one are done and no longer needed.
    private var head = 0
    /// The next offset to commit, once everything before it is done.
    private var next: Int64?
    /// What was committed last, or is being committed.
    private var committed: Int64?
    /// What the group had when reading started: the gap below is read again, and never committed again.
    private let floor: Int64

    /// - Parameter committed: what the group has committed. A commit below it would have what was answered
    ///   before it answered again after a crash.
    init(committed: Int64) { floor = committed }

    /// Records read and not done with.
    var openCount: Int { entries.count - head }

    /// What the group has committed, as far as is known here.
    var committedOffset: Int64 { max(floor, committed ?? floor) }

    /// What can be committed and has not been yet.
    var committable: Int64? {
        guard let next, next != committed, next > floor else { return nil }
        return next
    }

    /// A record was read.
    mutating func begin(_ offset: Int64) { entries.append((offset, 1)) }

    /// Everything below `next` that was not read needs no answer: markers of transactions, or records that are gone.
    mutating func passOver(below next: Int64) {
        guard (entries.last?.offset ?? -1) < next - 1, (self.next ?? 0) < next else { return }
        entries.append((next - 1, 0))
        advance()
    }

    /// A record waits for one more pending record: it is to be finished once more.
    mutating func extend(_ offset: Int64) {
        if let index = index(of: offset) { entries[index].open += 1 }
    }

    /// A record, or one of those that it waits for, is done with.
    mutating func finish(_ offset: Int64) {
        if let index = index(of: offset) { entries[index].open -= 1 }
        advance()
    }

    /// Takes what can be committed.
    mutating func takeCommittable() -> Int64? {
        guard let next = committable else { return nil }
        committed = next
        return next
    }

    mutating func markCommitted(_ offset: Int64) { committed = offset }

    /// A commit failed: its offset is to be committed again.
    mutating func forgetCommit() { committed = nil }

    private mutating func advance() {
        while head < entries.count, entries[head].open <= 0 {
            next = entries[head].offset + 1
            head += 1
        }
        if head > 1024 && head * 2 > entries.count {
            entries.removeFirst(head)
            head = 0
        }
    }

    /// Offsets rise within a partition: a binary search.
    private func index(of offset: Int64) -> Int? {
        var low = head
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].offset == offset ? low : nil
    }
}
