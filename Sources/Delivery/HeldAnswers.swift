internal import Engine
internal import Events
internal import Streaming

/// Events whose users had a list a short while ago: what comes within the interval is answered by one list at
/// its end, of the newest event. The offsets of all of them wait for that list.
///
/// Bounded by the interval, and by the records that may be open at all.
struct HeldAnswers {
    struct Held {
        /// The newest event, and its record.
        var input: EngineInput
        var record: KafkaRecord
        /// Earlier events that the list stands for too.
        var merged: [RecordSource]
        var polled: Duration
    }

    private var lastSent: [UserID: Duration] = [:]
    /// Users by the time of their newest list, from `head` on.
    private var queue: [(user: UserID, sent: Duration)] = []
    private var head = 0
    private var held: [UserID: Held] = [:]

    var count: Int { held.count }

    /// Whether a list for `user` must wait; where not, this is the moment of its list.
    mutating func mustWait(_ user: UserID, now: Duration, interval: Duration) -> Bool {
        if let last = lastSent[user], now - last < interval { return true }
        lastSent[user] = now
        queue.append((user, now))
        return false
    }

    /// Keeps an event; an older one of the same user is merged into it.
    mutating func hold(_ user: UserID, _ new: Held) {
        var new = new
        if let earlier = held[user] { new.merged = earlier.merged + [earlier.input.source] + new.merged }
        held[user] = new
    }

    /// Gives up what is held for a user.
    ///
    /// - Returns: the records that waited for it.
    mutating func withdraw(_ user: UserID) -> [RecordSource] {
        guard let answer = held.removeValue(forKey: user) else { return [] }
        return answer.merged + [answer.input.source]
    }

    /// Takes those whose interval is over, at most `countMax`; all of them at once where `interval` is zero.
    mutating func takeDue(now: Duration, interval: Duration, countMax: Int) -> [Held] {
        var due: [Held] = []
        while head < queue.count, due.count < countMax, now - queue[head].sent >= interval {
            let (user, sent) = queue[head]
            head += 1
            // The user had a newer list, which stands further behind.
            guard lastSent[user] == sent else { continue }
            if let answer = held.removeValue(forKey: user) {
                due.append(answer)
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
        held = held.filter { !partitions.contains($0.value.input.source.topicPartition) }
        for user in held.keys { held[user]?.merged.removeAll { partitions.contains($0.topicPartition) } }
    }
}
