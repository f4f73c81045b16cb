internal import Engine
internal import Events
internal import Logging
internal import Settings
internal import Streaming
internal import Telemetry

/// From records to lists, and from acknowledgements to commits.
extension EngineThread {
    /// A broker that is down is tried every second, and reported at this interval.
    private static let quietTime = Duration.seconds(30)

    /// A record that the engine takes, and when it was polled.
    private struct Accepted {
        var input: EngineInput
        var record: KafkaRecord
    }

    mutating func handle(_ events: [ConsumerEvent]) throws(DaemonError) {
        let polled = ContinuousClock.now
        var records: [KafkaRecord] = []
        for event in events {
            switch event {
            case .record(let record):
                records.append(record)
            case .assigned(let partitions):
                awaitingStart.formUnion(partitions)
                try startAwaiting()
            case .revoked(let partitions):
                try step(records, polled: polled)
                records.removeAll()
                try release(partitions, isLost: false)
            case .lost(let partitions):
                records.removeAll { partitions.contains($0.source.topicPartition) }
                try release(partitions, isLost: true)
            case .statistics(let statistics):
                highWatermarks.merge(statistics.highWatermarks) { _, new in new }
                let isConnected = statistics.isConnected
                board.with { $0.isConnected = isConnected }
            case .committed(let offsets):
                figures.committed.merge(offsets) { _, new in new }
            case .failure(let error):
                try handle(error)
            }
        }
        try step(records, polled: polled)
    }

    /// One batch through the engine: the lists leave before anything is learned.
    private mutating func step(_ records: [KafkaRecord], polled: ContinuousClock.Instant) throws(DaemonError) {
        guard !records.isEmpty else { return }
        let now = WallClock.now()
        var accepted: [Accepted] = []
        accepted.reserveCapacity(records.count)
        for record in records {
            tracker.begin(record.source)
            figures.newest[record.source.topicPartition] = record.timestamp
            try accept(record, polled: polled, now: now, into: &accepted)
        }
        let began = ContinuousClock.now
        let answers = try engineCall { engine throws(EngineError) in try engine.answer(accepted.map(\.input), now: now) }
        let answered = ContinuousClock.now
        figures.recordLists(accepted.count, took: answered - began)
        for (accepted, answer) in zip(accepted, answers) {
            try publish(answer, to: accepted.record, polled: polled)
        }
        // A full batch means that more is waiting: new events come before old ones. What comes together is
        // learned together, unless the outcome must not depend on it.
        let isBehind = records.count >= Self.batchMax
        let isReproducible = settings.learning.isReproducible
        let replay: Replay = isBehind && !isReproducible ? .none : .configured
        let batch = isReproducible ? 1 : max(1, min(accepted.count, Engine.learningBatchMax))
        let learning = ContinuousClock.now
        try engineCall { engine throws(EngineError) in try engine.learn(replay: replay, batch: batch) }
        figures.recordTraining(accepted.count, took: ContinuousClock.now - learning)
    }

    private mutating func accept(
        _ record: KafkaRecord, polled: ContinuousClock.Instant, now: Timestamp, into accepted: inout [Accepted]
    ) throws(DaemonError) {
        let place = record.source
        let wantsAnswer = place.offset >= answeredBefore[place.topicPartition, default: 0]
        do throws(EventRefusal) {
            let content: EngineInput.Content
            switch try decoder.decode(
                key: record.key, value: record.value, recordTimestamp: record.timestamp, now: now)
            {
            case .event(let event): content = .event(event)
            case .forget(let user): content = .forget(user)
            }
            if place.offset < engine.nextOffsets[place.topicPartition, default: 0] {
                figures.counts.duplicate += 1
            } else {
                figures.counts.accepted += 1
            }
            accepted.append(
                Accepted(
                    input: EngineInput(content: content, source: place, wantsAnswer: wantsAnswer), record: record))
        } catch {
            engine.skip(place)
            guard wantsAnswer else { return tracker.finish(place) }
            figures.counts.rejected += 1
            figures.deadLetters[error.reason, default: 0] += 1
            let letter = OutgoingRecord.deadLetter(
                record, topic: settings.topics.deadLetters, stage: error.stage,
                reason: "freshet.EventRefusal." + error.reason, message: error.description)
            try post(Outbox.Letter(record: letter, source: place, polled: polled, isList: false))
        }
    }

    private mutating func publish(
        _ answer: EngineAnswer, to record: KafkaRecord, polled: ContinuousClock.Instant
    ) throws(DaemonError) {
        let key: String
        let value: [UInt8]?
        switch answer {
        case .none(let source):
            return tracker.finish(source)
        case .list(let list):
            key = list.user.text
            value = RecordEncoder.encode(list)
        case .tombstone(let user, _):
            key = user.text
            value = nil
        }
        let trace = record.headers.filter { $0.name == "traceparent" || $0.name == "tracestate" }
        let outgoing = OutgoingRecord(
            topic: settings.topics.recommendations, key: Array(key.utf8), value: value, headers: trace)
        try post(Outbox.Letter(record: outgoing, source: record.source, polled: polled, isList: value != nil))
    }

    /// Hands a record to the producer; where its queue is full, waits for deliveries first.
    private mutating func post(_ letter: Outbox.Letter) throws(DaemonError) {
        let token = outbox.add(letter)
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            do throws(StreamingError) {
                return try producer.send(letter.record, token: token)
            } catch {
                if error.recovery == .passOver { return passOver(token, error) }
                guard error == .queueFull, ContinuousClock.now < deadline else { throw .streaming(error) }
                try collectDeliveries(timeout: .milliseconds(10))
            }
        }
    }

    mutating func collectDeliveries(timeout: Duration) throws(DaemonError) {
        reports.removeAll(keepingCapacity: true)
        producer.poll(into: &reports, timeout: timeout)
        let now = ContinuousClock.now
        let arrived = reports
        for report in arrived {
            guard let failure = report.failure else {
                guard let letter = outbox.remove(report.token) else { continue }
                if letter.isList { figures.recordDelivery(took: now - letter.polled) }
                tracker.finish(letter.source)
                continue
            }
            if failure.recovery == .passOver {
                passOver(report.token, failure)
                continue
            }
            try handle(failure)
            // The brokers do not have it: send it again, under the same token.
            guard let letter = outbox.letter(report.token) else { continue }
            do throws(StreamingError) {
                try producer.send(letter.record, token: report.token)
            } catch { throw .streaming(error) }
        }
    }

    /// Gives up on a record that the brokers will never take: no record stops the stream.
    private mutating func passOver(_ token: UInt, _ failure: StreamingError) {
        guard let letter = outbox.remove(token) else { return }
        figures.undeliverable += 1
        logger.error(
            "a record was passed over: \(failure)",
            metadata: ["topic": "\(letter.record.topic)", "answers": "\(letter.source)"])
        tracker.finish(letter.source)
    }

    /// Errors that pass are logged, each kind once in a while; those that do not end the daemon.
    private mutating func handle(_ error: StreamingError) throws(DaemonError) {
        switch error.recovery {
        case .retry, .passOver:
            let now = ContinuousClock.now
            guard quietUntil[error.name].map({ $0 < now }) ?? true else { return }
            quietUntil[error.name] = now + Self.quietTime
            logger.warning("\(error)")
        case .stop, .reconfigure: throw .streaming(error)
        }
    }

    mutating func engineCall<Value>(
        _ body: (inout Engine) throws(EngineError) -> Value
    ) throws(DaemonError) -> Value {
        do throws(EngineError) { return try body(&engine) } catch { throw .engine(error) }
    }
}
