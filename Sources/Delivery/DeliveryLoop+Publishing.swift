internal import Events
internal import Streaming

/// From the outbox to the brokers, and from acknowledgements to commits.
extension DeliveryLoop {
    /// Gives waiting letters to the producer, until its queue is full.
    mutating func sendWaiting() throws(DeliveryError) {
        switch publishing.stage {
        case .alone, .open: break
        case .idle:
            guard outbox.hasWaiting, outbox.inFlight == 0 else { return }
            try beginTransaction()
        case .beginning, .closed, .abandoned: return
        }
        if publishing.isTransactional {
            // A transaction whose time is up takes nothing more in, but what it has begun.
            guard let began = publishing.openSince, !isDue(began: began) || outbox.isMidBatch else { return }
        }
        while let (token, letter) = outbox.next {
            do throws(StreamingError) {
                try publishing.send(letter.record, token: token, by: producer)
                outbox.nextWasSent(inTransaction: publishing.isTransactional)
            } catch {
                if error.recovery == .passOver {
                    if let letter = outbox.dropNext() { passOver(letter, error) }
                    continue
                }
                if error == .queueFull { return }
                // A topic that is to come: in a moment, the same again.
                if !publishing.isTransactional, error.recovery == .missingTopic { return try handle(error) }
                guard publishing.isTransactional, passes(error) else { return try end(error) }
                return abandonTransaction("\(error)")
            }
        }
    }

    mutating func collectDeliveries(timeout: Duration) throws(DeliveryError) {
        reports.removeAll(keepingCapacity: true)
        producer.poll(into: &reports, timeout: timeout)
        let now = time.elapsed()
        let arrived = reports
        for report in arrived {
            outbox.reported()
            guard let failure = report.failure else {
                if !publishing.isTransactional { delivered(report, now) }
                continue
            }
            if failure.recovery == .passOver {
                if let letter = outbox.remove(report.token) { passOver(letter, failure) }
            } else if !publishing.isTransactional {
                try handle(failure)
                // The brokers do not have it: it goes again, under the same token.
                if outbox.letter(report.token) != nil { outbox.sendAgain(report.token) }
            } else if !passes(failure) {
                try end(failure)
            }
            if publishing.isTransactional { abandonTransaction("\(failure)") }
        }
        if outbox.hasWaiting, !publishing.isTransactional { try sendWaiting() }
    }

    private mutating func delivered(_ report: DeliveryReport, _ now: Duration) {
        if outbox.wasOvertaken(report.token) { return outbox.sendAgain(report.token) }
        guard let letter = outbox.remove(report.token) else { return }
        if letter.isList { figures.recordDelivery(took: now - letter.polled) }
        tracker.finish(letter)
    }

    /// Gives up on a record that the brokers will never take: no record stops the stream.
    private mutating func passOver(_ letter: Outbox.Letter, _ failure: StreamingError) {
        figures.undeliverable += 1
        notice(.passedOver(topic: letter.record.topic, answers: letter.source, failure))
        tracker.finish(letter)
    }

    /// Commits what is answered, with `at_least_once`.
    mutating func commit(waiting: Bool) throws(DeliveryError) {
        let offsets = tracker.takeCommittable()
        guard !offsets.isEmpty else { return }
        do throws(StreamingError) {
            try consumer.commit(offsets, waiting: waiting)
            if waiting { figures.committed.merge(offsets) { _, new in new } }
        } catch {
            if !passes(error) { throw .streaming(error) }
            tracker.forgetCommits()
            notice(.passing(error))
        }
    }
}
