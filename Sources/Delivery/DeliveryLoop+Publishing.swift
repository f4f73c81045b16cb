internal import Events
internal import Streaming

/// From the outbox to the brokers, and from acknowledgements to commits.
extension DeliveryLoop {
    /// Gives waiting records to the producer, until its queue is full.
    mutating func sendWaiting() throws(DeliveryError) {
        switch publishing.stage {
        case .nonTransactional, .open: break
        case .idle:
            guard outbox.hasWaiting, outbox.inFlight == 0 else { return }
            try beginTransaction()
        case .initializing, .closing, .committing, .aborting: return
        }
        if publishing.isTransactional {
            // A transaction whose time is up takes nothing more in, but what it has begun.
            guard let began = publishing.openSince, !isDue(began: began) || outbox.isMidBatch else { return }
        }
        while let (token, pending) = outbox.next, !outbox.mustNextWait {
            do throws(StreamingError) {
                try publishing.send(pending.record, token: token, by: producer)
                outbox.nextWasSent(inTransaction: publishing.isTransactional)
            } catch {
                if error.recovery == .passOver {
                    // Said of this record, not of a request that it shared.
                    if let pending = outbox.dropNext() { giveUp(pending, error) }
                    continue
                }
                if error == .queueFull { return }
                guard isTransient(error) else { return try replaceProducer(after: error) }
                // A topic that is to come: in a moment, the same again.
                guard publishing.isTransactional else { return try handle(error) }
                return abortTransaction("\(error)")
            }
        }
    }

    mutating func collectDeliveries(timeout: Duration) throws(DeliveryError) {
        reports.removeAll(keepingCapacity: true)
        producer.poll(into: &reports, timeout: timeout)
        let now = time.elapsed()
        let arrived = reports
        // The brokers do not have these: they go again, under the same tokens.
        var again: [UInt] = []
        var fatal: StreamingError?
        for report in arrived {
            outbox.reported()
            guard let failure = report.failure else { continue }
            if failure.recovery == .passOver {
                // A request is refused as a whole, whichever of its records is at fault.
                if outbox.willGoAlone(report.token) {
                    again.append(report.token)
                } else if let pending = outbox.remove(report.token) {
                    giveUp(pending, failure)
                }
            } else if isTransient(failure) {
                notice(.transientError(failure))
                again.append(report.token)
            } else {
                fatal = failure
            }
            if publishing.isTransactional { abortTransaction("\(failure)") }
        }
        if !publishing.isTransactional {
            outbox.sendAgain(again)
            for report in arrived where report.failure == nil { delivered(report.token, now) }
        }
        if let fatal { return try replaceProducer(after: fatal) }
        if outbox.hasWaiting, !publishing.isTransactional { try sendWaiting() }
    }

    private mutating func delivered(_ token: UInt, _ now: Duration) {
        if outbox.wasOvertaken(token) { return outbox.sendAgain([token]) }
        guard let pending = outbox.remove(token) else { return }
        if pending.isList { figures.recordDelivery(took: now - pending.polled) }
        partitions.finish(pending)
        replacements.recordProgress()
    }

    /// Gives up on a record that the brokers will never take: no record stops the stream.
    private mutating func giveUp(_ pending: PendingRecord, _ failure: StreamingError) {
        figures.undeliverable += 1
        notice(.recordSkipped(topic: pending.record.topic, answers: pending.source, failure))
        partitions.finish(pending)
    }

    /// Commits what is answered, with `at_least_once`.
    ///
    /// - Parameter limit: how long to wait for the outcome; nil where it is to come as an event.
    mutating func commit(within limit: Duration?) throws(DeliveryError) {
        let offsets = partitions.takeCommittable()
        guard !offsets.isEmpty else { return }
        do throws(StreamingError) {
            guard let limit else { return try consumer.commit(offsets) }
            try consumer.commit(offsets, within: limit)
            partitions.confirmCommits(offsets)
        } catch {
            if !isTransient(error) { throw .streaming(error) }
            partitions.forgetCommits()
            notice(.transientError(error))
        }
    }
}
