internal import Engine
internal import Events
internal import Streaming

/// Events whose users had a list a short while ago: what comes within the interval is answered by one list at
/// its end, of the newest event. The offsets of all of them wait for that list.
///
/// Bounded by the interval, and by the records that may be open at all.
struct ListThrottle {
    /// An event that waits for its user's next list.
    struct Deferred {
        var input: EngineInput
        var record: KafkaRecord
        var polled: Duration
        /// Earlier events that the list stands for too.
        var merged: [RecordSource] = []
    }

    /// What waits of a user: of each partition the newest event, in the order in which they came. Where a partition
    /// goes, those of the others are still owed their list.
    private struct Waiting {
        var events: [Deferred] = []

        mutating func append(_ event: Deferred) {
            var event = event
            let partition = event.input.source.topicPartition
            if let place = events.firstIndex(where: { $0.input.source.topicPartition == partition }) {
                let earlier = events.remove(at: place)
                event.merged = earlier.merged + [earlier.input.source] + event.merged
            }
            events.append(event)
        }

        var sources: [RecordSource] { events.flatMap { $0.merged + [$0.input.source] } }

        /// One list for all of them, of the newest event.
        var list: Deferred? {
            guard var newest = events.last else { return nil }
            newest.merged = events.dropLast().flatMap { $0.merged + [$0.input.source] } + newest.merged
            return newest
        }
    }

    private var lastSent: [UserID: Duration] = [:]
    /// Users by the time of their newest list, from `head` on.
    private var queue: [(user: UserID, sent: Duration)] = []
    private var head = 0
    private var waiting: [UserID: Waiting] = [:]

    var count: Int { waiting.count }

    /// Whether a list for `user` must wait; where not, this is the moment of its list.
    mutating func shouldDefer(_ user: UserID, now: Duration, interval: Duration) -> Bool {
        if let last = lastSent[user], now - last < interval { return true }
        lastSent[user] = now
        queue.append((user, now))
        return false
    }

    /// Keeps an event; an older one of the same user is merged into it.
    mutating func add(_ event: Deferred, of user: UserID) { waiting[user, default: Waiting()].append(event) }

    /// Gives up what waits for a user's list.
    ///
    /// - Returns: the records that waited for it.
    mutating func withdraw(_ user: UserID) -> [RecordSource] { waiting.removeValue(forKey: user)?.sources ?? [] }

    /// Takes those whose interval is over, at most `countMax`; all of them at once where `interval` is zero.
    mutating func takeDue(now: Duration, interval: Duration, countMax: Int) -> [Deferred] {
        var due: [Deferred] = []
        while head < queue.count, due.count < countMax, now - queue[head].sent >= interval {
            let (user, sent) = queue[head]
            head += 1
            // The user had a newer list, which stands further behind.
            guard lastSent[user] == sent else { continue }
            if let list = waiting.removeValue(forKey: user)?.list {
                due.append(list)
                lastSent[user] = now
                queue.append((user, now))
            } else {
                lastSent[user] = nil
            }
        }
        if head > 1024 && head * 2 > queue.count {
            queue.removeFirst(head)
            head = 0
        }
        return due
    }

    /// Forgets what answers records of partitions that are gone.
    mutating func removeAll(of partitions: [TopicPartition]) {
        waiting = waiting.compactMapValues { kept in
            var kept = kept
            kept.events.removeAll { partitions.contains($0.input.source.topicPartition) }
            return kept.events.isEmpty ? nil : kept
        }
    }
}
