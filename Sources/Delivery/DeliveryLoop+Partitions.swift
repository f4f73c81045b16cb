internal import Engine
internal import Events
internal import Streaming

/// Partitions that come and go.
extension DeliveryLoop {
    /// The brokers have this long for each question that the loop waits on.
    private static var questionTimeout: Duration { .seconds(5) }

    /// Takes partitions that came; they are read once it is known from where. The group goes on at once: until it
    /// has its answer, be it of no partition, no other member gets any either.
    mutating func take(_ partitions: [TopicPartition]) throws(DeliveryError) {
        awaitingStart.formUnion(partitions)
        do throws(StreamingError) { try consumer.assign([:]) } catch { try handle(error) }
    }

    /// Starts reading partitions that came. The state on disk and the group's commits are two memories:
    /// reading starts at the older one. What the state has not learned is learned; what was not
    /// committed is answered. A partition that the state does not cover waits for its sessions.
    mutating func startAwaiting() throws(DeliveryError) {
        // What an earlier run left open is resolved once the transactional id is taken over.
        guard !awaitingStart.isEmpty, publishing.stage != .initializing, time.elapsed() >= markAgain else { return }
        let partitions = awaitingStart.sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
        var starts: [TopicPartition: Start] = [:]
        do throws(StreamingError) {
            try findChangelog()
            let committed = try markBeginnings(
                of: partitions,
                committed: try consumer.committedOffsets(for: partitions, timeout: Self.questionTimeout))
            for partition in partitions where needsSessions(partition, committed: committed[partition] ?? 0) {
                try startRestoring(partition, committed: committed[partition] ?? 0)
                awaitingStart.remove(partition)
            }
            for partition in partitions where awaitingStart.contains(partition) {
                starts[partition] = try start(of: partition, committed: committed[partition] ?? 0)
            }
        } catch {
            if !passes(error) { throw .streaming(error) }
            return notice(.passing(error))
        }
        guard !starts.isEmpty, try markStarts(starts.mapValues(\.next)) else { return }
        do throws(StreamingError) { try read(from: starts) } catch {
            if !passes(error) { throw .streaming(error) }
            notice(.passing(error))
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

    /// Starts reading partitions that the state covers.
    private mutating func read(from starts: [TopicPartition: Start]) throws(StreamingError) {
        let partitions = starts.keys.sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
        for (partition, start) in starts {
            answeredBefore[partition] = start.committed
            tracker.start(partition, committed: start.committed)
            positions[partition] = start.next
        }
        try consumer.assign(starts.mapValues(\.next))
        awaitingStart.subtract(partitions)
        assigned.formUnion(partitions)
        hasRead = true
        restored.subtract(partitions)
        for partition in partitions {
            lost[partition] = nil
            guard let start = starts[partition], start.lost > 0 else { continue }
            figures.lost += UInt64(start.lost)
            notice(.lost(partition, from: start.next - start.lost, count: start.lost))
        }
        notice(.assigned(partitions))
    }

    /// Commits where reading begins, for partitions that the group has committed nothing of, before the first
    /// record is read. A group that had no word of it would not know, after retention, what was owed an answer.
    ///
    /// - Returns: what the group has committed of each partition.
    private mutating func markBeginnings(
        of partitions: [TopicPartition], committed: [TopicPartition: Int64]
    ) throws(StreamingError) -> [TopicPartition: Int64] {
        var beginnings: [TopicPartition: Int64] = [:]
        for partition in partitions where committed[partition] == nil {
            // A group that has forgotten what it committed has everything that is there answered again.
            let isUnread = engine.nextOffsets[partition] == nil
            beginnings[partition] = isUnread
                ? try consumer.firstOffset(of: partition, timeout: Self.questionTimeout)
                : try consumer.offsetRange(of: partition, timeout: Self.questionTimeout).lowerBound
        }
        guard !beginnings.isEmpty else { return committed }
        try consumer.commit(beginnings, waiting: true)
        figures.committed.merge(beginnings) { _, new in new }
        return committed.merging(beginnings) { _, new in new }
    }

    private func start(of partition: TopicPartition, committed: Int64) throws(StreamingError) -> Start {
        let range = try consumer.offsetRange(of: partition, timeout: Self.questionTimeout)
        let wanted = min(committed, engine.nextOffsets[partition] ?? committed)
        let next = max(wanted, range.lowerBound)
        return Start(next: next, committed: committed, lost: next - wanted)
    }

    /// Stops reading while the outbox is full. The consumer is polled all the same: it would not hear that
    /// the group has expelled it, and what waits in the outbox may wait for just that.
    mutating func pauseOrResume() throws(DeliveryError) {
        let isFull = outbox.count >= configuration.inFlightMax || tracker.openCount >= configuration.openMax
        let changed = isFull ? assigned.subtracting(paused) : paused
        guard !changed.isEmpty else { return }
        do throws(StreamingError) {
            if isFull {
                try consumer.pause(Array(changed))
                paused.formUnion(changed)
            } else {
                try consumer.resume(Array(changed))
                paused.subtract(changed)
            }
        } catch {
            if !passes(error) { throw .streaming(error) }
            notice(.passing(error))
        }
    }

    /// The records to read next are gone: retention was faster. Reading goes on with what is there.
    mutating func startAnew(_ partition: TopicPartition) throws(DeliveryError) {
        guard assigned.contains(partition) else { return }
        do throws(StreamingError) {
            let range = try consumer.offsetRange(of: partition, timeout: Self.questionTimeout)
            // What is read again is below what was learned.
            let next = positions[partition] ?? range.lowerBound
            if next < range.lowerBound {
                let count = range.lowerBound - next
                figures.lost += UInt64(count)
                notice(.lost(partition, from: next, count: count))
            }
            // A topic that was made anew is shorter than what was read of it: then from its beginning.
            let start = range.contains(next) || next == range.upperBound ? next : range.lowerBound
            try consumer.unassign([partition])
            try consumer.assign([partition: start])
            positions[partition] = start
        } catch {
            if !passes(error) { throw .streaming(error) }
            notice(.passing(error))
            assigned.remove(partition)
            awaitingStart.insert(partition)
        }
    }

    /// Lets partitions go; what was answered of them is committed first where they are still ours.
    mutating func release(_ partitions: [TopicPartition], isLost: Bool) throws(DeliveryError) {
        var isSettled = false
        if isLost {
            abortTransaction("partitions were lost to another member")
        } else {
            isSettled = try settle(within: Self.questionTimeout)
            abortTransaction("partitions were revoked before it could be committed")
        }
        outbox.removeAll(of: partitions)
        held.removeAll(of: partitions)
        do throws(StreamingError) {
            // Those that were not read yet are not the consumer's to give up; the group wants an answer even so.
            try consumer.unassign(partitions.filter { assigned.contains($0) })
        } catch {
            if !passes(error) { throw .streaming(error) }
            notice(.passing(error))
        }
        for partition in partitions {
            handOver(partition, isSettled: isSettled)
            tracker.remove(partition)
            positions[partition] = nil
            beginnings[partition] = nil
            arrivals[partition] = nil
            highWatermarks[partition] = nil
            figures.newest[partition] = nil
            assigned.remove(partition)
            paused.remove(partition)
            awaitingStart.remove(partition)
            waitingForDisk.remove(partition)
        }
        stopRestoring(partitions)
        notice(.released(partitions))
    }
}
