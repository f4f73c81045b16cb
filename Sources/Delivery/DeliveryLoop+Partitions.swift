internal import Engine
internal import Events
internal import Streaming

/// Partitions that come and go.
extension DeliveryLoop {
    /// Takes partitions that came; they are read once it is known from where. The group goes on at once: until it
    /// has its answer, be it of no partition, no other member gets any either.
    mutating func addPartitions(_ partitions: [TopicPartition]) throws(DeliveryError) {
        for partition in partitions { self.partitions.add(partition) }
        do throws(StreamingError) { try consumer.assign([:]) } catch { try handle(error) }
    }

    /// Starts reading partitions that came. The state on disk and the group's commits are two memories:
    /// reading starts at the older one. What the state has not learned is learned; what was not
    /// committed is answered. A partition that the state does not cover waits for its sessions.
    mutating func startAwaiting() throws(DeliveryError) {
        // What an earlier run left open is resolved once the transactional id is taken over.
        guard partitions.isAnyAwaitingStart, publishing.stage != .initializing, time.elapsed() >= startRetryAt else { return }
        var starts: [TopicPartition: Start] = [:]
        do throws(StreamingError) {
            try findChangelog()
            let awaiting = partitions.awaitingStart
            let committed = try markFirstOffsets(
                of: awaiting, committed: try consumer.committedOffsets(for: awaiting, timeout: WaitLimits.question))
            for partition in awaiting {
                let committed = committed[partition] ?? 0
                if needsSessions(partition, committed: committed) {
                    try startRestoring(partition, committed: committed)
                } else if let start = try start(of: partition, committed: committed) {
                    starts[partition] = start
                }
            }
        } catch {
            if !isTransient(error) { throw .streaming(error) }
            startRetryAt = time.elapsed() + Self.startRetryInterval
            return notice(.transientError(error))
        }
        guard !starts.isEmpty, try markStarts(starts.mapValues(\.next)) else { return }
        do throws(StreamingError) { try read(from: starts) } catch {
            if !isTransient(error) { throw .streaming(error) }
            notice(.transientError(error))
        }
    }

    /// Where reading of a partition starts.
    struct Start {
        var next: Int64
        /// What the group has committed.
        var committed: Int64
        /// Records before `next` that should have been read and are gone.
        var lost: Int64
    }

    private static var startRetryInterval: Duration { .milliseconds(100) }

    /// Starts reading partitions that the state covers.
    private mutating func read(from starts: [TopicPartition: Start]) throws(StreamingError) {
        let started = starts.keys.sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
        try consumer.assign(starts.mapValues(\.next))
        hasRead = true
        for partition in started {
            guard let start = starts[partition] else { continue }
            let reading = ReadingPartition(position: start.next, committed: start.committed)
            reading.newest = marks[partition]
            partitions.beginReading(partition, reading)
            departed[partition] = nil
            passOver(partition, below: start.next, lost: start.lost)
        }
        notice(.assigned(started))
    }

    /// Records that should have been read are gone: that is told once, and they are waited for no more.
    mutating func passOver(_ partition: TopicPartition, below next: Int64, lost: Int64) {
        guard lost > 0, let reading = partitions.reading(partition) else { return }
        reading.offsets.passOver(below: next)
        engine.skip(RecordSource(topicPartition: partition, offset: next - 1))
        figures.lost += UInt64(lost)
        notice(.lost(partition, from: next - lost, count: lost))
    }

    /// Commits where reading begins, for partitions that the group has committed nothing of, before the first
    /// record is read. A group that had no word of it would not know, after retention, what was owed an answer.
    ///
    /// - Returns: what the group has committed of each partition.
    private mutating func markFirstOffsets(
        of awaiting: [TopicPartition], committed: [TopicPartition: Int64]
    ) throws(StreamingError) -> [TopicPartition: Int64] {
        var first: [TopicPartition: Int64] = [:]
        // Partitions that are added to a topic later hold records that came before anybody knew of them.
        let isKnownGroup = hasRead || !committed.isEmpty || !engine.nextOffsets.isEmpty
        for partition in awaiting where committed[partition] == nil {
            // A group that has forgotten what it committed has everything that is there answered again.
            first[partition] = isKnownGroup
                ? try consumer.offsetRange(of: partition, timeout: WaitLimits.question).lowerBound
                : try consumer.firstOffset(of: partition, timeout: WaitLimits.question)
        }
        guard !first.isEmpty else { return committed }
        try consumer.commit(first, within: WaitLimits.question)
        partitions.confirmCommits(first)
        return committed.merging(first) { _, new in new }
    }

    /// Stops reading while the outbox is full. The consumer is polled all the same: it would not hear that
    /// the group has expelled it, and what waits in the outbox may wait for just that.
    mutating func pauseOrResume() throws(DeliveryError) {
        let isFull = outbox.count >= configuration.inFlightMax || partitions.openCount >= configuration.openMax
        guard isFull || isPaused else { return }
        let changed = partitions.readingPartitions.filter { $0.reading.isPaused != isFull }
        isPaused = isFull
        guard !changed.isEmpty else { return }
        do throws(StreamingError) {
            let names = changed.map(\.partition)
            if isFull { try consumer.pause(names) } else { try consumer.resume(names) }
            for (_, reading) in changed { reading.isPaused = isFull }
        } catch {
            if !isTransient(error) { throw .streaming(error) }
            isPaused = true
            notice(.transientError(error))
        }
    }

    /// Lets partitions go; what was answered of them is committed first where they are still ours.
    mutating func release(_ released: [TopicPartition], isLost: Bool) throws(DeliveryError) {
        let isFlushed = isLost ? false : try flush(within: WaitLimits.question)
        forgetAnswers(of: released, isLost ? "partitions were lost to another member" : "partitions were revoked before it could be committed")
        // Those that are not read yet are not the consumer's to give up; the group wants an answer even so.
        owedRelease.append(contentsOf: released.filter { partitions[$0]?.isAssigned ?? false })
        owesRelease = true
        try answerRelease()
        for partition in released {
            handOver(partition, isFlushed: isFlushed)
            partitions.remove(partition)
        }
        stopRestoring(released)
        notice(.released(released))
    }

    /// The group waits for this answer: where it could not be given it is given as soon as it can be.
    mutating func answerRelease() throws(DeliveryError) {
        guard owesRelease else { return }
        do throws(StreamingError) {
            try consumer.unassign(owedRelease)
            owesRelease = false
            owedRelease.removeAll()
        } catch {
            if !isTransient(error) { throw .streaming(error) }
            notice(.transientError(error))
        }
    }

    /// What answers records of these partitions is not to be published, or not by this instance.
    mutating func forgetAnswers(of gone: [TopicPartition], _ reason: String) {
        abortTransaction(reason)
        outbox.removeAll(of: gone)
        throttle.removeAll(of: gone)
    }
}
