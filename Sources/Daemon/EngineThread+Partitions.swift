internal import Engine
internal import Events
internal import Logging
internal import Streaming

/// Partitions that come and go, and what is committed for them.
extension EngineThread {
    /// Starts reading partitions that came. The state on disk and the group's commits are two memories:
    /// reading starts at the older one. What the state has not learned is learned; what was not
    /// committed is answered.
    mutating func startAwaiting() throws(DaemonError) {
        guard !awaitingStart.isEmpty else { return }
        let partitions = Array(awaitingStart)
        do throws(StreamingError) {
            let committed = try consumer.committedOffsets(for: partitions, timeout: .seconds(5))
            var starts: [TopicPartition: StartOffset] = [:]
            for partition in partitions {
                answeredBefore[partition] = committed[partition] ?? 0
                if let committed = committed[partition], let learned = engine.nextOffsets[partition] {
                    starts[partition] = .offset(min(committed, learned))
                } else {
                    starts[partition] = .committed
                }
            }
            try consumer.assign(starts)
        } catch {
            if error.recovery != .retry { throw .streaming(error) }
            logger.warning("waiting for the committed offsets: \(error)")
            return
        }
        awaitingStart.removeAll()
        assigned.formUnion(partitions)
        logger.info("assigned", metadata: ["partitions": "\(partitions.map(\.description).sorted())"])
        let count = assigned.count
        board.with { $0.assignedPartitions = count }
    }

    /// Lets partitions go; what was answered of them is committed first where they are still ours.
    mutating func release(_ partitions: [TopicPartition], isLost: Bool) throws(DaemonError) {
        if !isLost {
            let deadline = ContinuousClock.now + .seconds(5)
            while outbox.count > 0, ContinuousClock.now < deadline { try collectDeliveries(timeout: .milliseconds(20)) }
            try commit(waiting: true)
        }
        do throws(StreamingError) {
            try consumer.unassign(partitions)
        } catch { logger.warning("\(error)") }
        for partition in partitions {
            tracker.remove(partition)
            highWatermarks[partition] = nil
            figures.newest[partition] = nil
            assigned.remove(partition)
            awaitingStart.remove(partition)
        }
        logger.info("released", metadata: ["partitions": "\(partitions.map(\.description).sorted())"])
        let count = assigned.count
        board.with { $0.assignedPartitions = count }
    }

    /// Commits what is answered.
    mutating func commit(waiting: Bool) throws(DaemonError) {
        let offsets = tracker.takeCommittable()
        do throws(StreamingError) {
            try consumer.commit(offsets, waiting: waiting)
            if waiting { figures.committed.merge(offsets) { _, new in new } }
        } catch {
            if error.recovery != .retry { throw .streaming(error) }
            tracker.forgetCommits()
            logger.warning("\(error)")
        }
    }
}
