internal import Engine
internal import Events
internal import Streaming
internal import Telemetry

/// From records to lists.
extension DeliveryLoop {
    /// A record that the engine takes.
    private struct Accepted {
        var input: EngineInput
        var record: KafkaRecord
        /// Whether it is above what was learned.
        var isNew: Bool
        /// Whether its list waits, for the user had one a short while ago.
        var isDeferred: Bool
    }

    mutating func handle(_ events: [ConsumerEvent]) throws(DeliveryError) {
        let polled = time.elapsed()
        var records: [KafkaRecord] = []
        // They come true with the records before them.
        var ends: [TopicPartition: Int64] = [:]
        for event in events {
            switch event {
            case .record(let record):
                let source = record.source
                if try concludeVerification(of: source.topicPartition, source.offset, record.timestamp) { continue }
                // What was on its way when a look at a partition ended is read again.
                if partitions.reading(source.topicPartition) != nil { records.append(record) }
            case .assigned(let partitions):
                try addPartitions(partitions)
            case .revoked(let partitions):
                try step(records, polled: polled)
                records.removeAll()
                try release(partitions, isLost: false)
            case .lost(let partitions):
                records.removeAll { partitions.contains($0.source.topicPartition) }
                ends = ends.filter { !partitions.contains($0.key) }
                try release(partitions, isLost: true)
            case .statistics(let statistics):
                for (partition, end) in statistics.highWatermarks { partitions.reading(partition)?.highWatermark = end }
                isConnected = statistics.isConnected
            case .committed(let offsets):
                partitions.confirmCommits(offsets)
            case .commitFailed(let error):
                partitions.forgetCommits()
                try handle(error)
            case .outOfRange(let partition):
                // What was read before is not read again.
                try step(records, polled: polled)
                records.removeAll()
                try leaveRange(partition)
            case .endOfPartition(let partition, let offset):
                if try concludeVerification(of: partition, nil, nil) { continue }
                ends[partition] = offset
            case .failure(let error):
                try handle(error)
            }
        }
        try step(records, polled: polled)
        for (partition, offset) in ends { reachEnd(of: partition, at: offset) }
    }

    /// All there is of a partition is read, markers of transactions included: they need no answer.
    private mutating func reachEnd(of partition: TopicPartition, at offset: Int64) {
        guard let reading = partitions.reading(partition), offset > reading.position else { return }
        reading.position = offset
        reading.offsets.passOver(below: offset)
        engine.skip(RecordSource(topicPartition: partition, offset: offset - 1))
    }

    /// Records through the engine: together, unless what is learned must not depend on what arrived together.
    private mutating func step(_ records: [KafkaRecord], polled: Duration) throws(DeliveryError) {
        guard configuration.isReproducible else { return try stepTogether(records, polled: polled) }
        for record in records { try stepTogether([record], polled: polled) }
    }

    /// One batch through the engine: the lists leave before anything is learned.
    private mutating func stepTogether(_ records: [KafkaRecord], polled: Duration) throws(DeliveryError) {
        guard !records.isEmpty else { return }
        outbox.beginBatch()
        let now = time.wall()
        var accepted: [Accepted] = []
        var refused: [RecordSource] = []
        accepted.reserveCapacity(records.count)
        for record in records {
            begin(record)
            if !accept(record, polled: polled, now: now, into: &accepted) { refused.append(record.source) }
        }
        let began = time.elapsed()
        var answers = exchange(&self.answers, with: [])
        defer { self.answers = answers }
        try engineCall { engine throws(EngineError) in
            try engine.answer(accepted.map(\.input), now: now, into: &answers)
        }
        // Not earlier: a watermark that has passed an event says that it was learned.
        for place in refused { engine.skip(place) }
        figures.recordLists(accepted.count, took: time.elapsed() - began)
        for (accepted, answer) in zip(accepted, answers) {
            count(answer, isNew: accepted.isNew)
            if case .tombstone(let user, _) = answer {
                // It answers what waited for a list, too: there is nobody to make it for.
                post(answer, to: accepted.record, merged: throttle.withdraw(user), polled: polled)
            } else if accepted.isDeferred, case .event(let event) = accepted.input.content, case .none = answer {
                var input = accepted.input
                input.wantsAnswer = true
                throttle.add(.init(input: input, record: accepted.record, polled: polled), of: event.user)
            } else {
                post(answer, to: accepted.record, merged: [], polled: polled)
            }
        }
        postSessions(accepted.map(\.input), answers, polled: polled)
        try sendWaiting()
        // What is learned must not depend on what came meanwhile.
        if configuration.isReproducible { try learnEverything() }
    }

    /// A record was read.
    private func begin(_ record: KafkaRecord) {
        guard let reading = partitions.reading(record.source.topicPartition) else { return }
        reading.offsets.begin(record.source.offset)
        reading.position = record.source.offset + 1
        if let timestamp = record.timestamp {
            reading.newest = PartitionMark(offset: record.source.offset, timestamp: timestamp)
        }
    }

    /// Whether no earlier run has answered a record.
    func wantsAnswer(_ source: RecordSource) -> Bool {
        source.offset >= partitions.reading(source.topicPartition)?.answeredBefore ?? 0
    }

    /// - Returns: false where the record cannot be used; then it is on its way to the dead letters.
    private mutating func accept(
        _ record: KafkaRecord, polled: Duration, now: Timestamp, into accepted: inout [Accepted]
    ) -> Bool {
        let place = record.source
        let wantsAnswer = wantsAnswer(place)
        do throws(EventRefusal) {
            let content: EngineInput.Content
            switch try decoder.decode(
                key: record.key, value: record.value, recordTimestamp: record.timestamp, now: now)
            {
            case .event(let event): content = .event(event)
            case .forget(let user): content = .forget(user)
            }
            let isDeferred = wantsAnswer && shouldDefer(content, now: polled)
            accepted.append(
                Accepted(
                    input: EngineInput(content: content, source: place, wantsAnswer: wantsAnswer && !isDeferred,
                        isAlwaysRanked: configuration.isReproducible),
                    record: record, isNew: place.offset >= engine.nextOffsets[place.topicPartition, default: 0],
                    isDeferred: isDeferred))
            return true
        } catch {
            guard wantsAnswer else {
                partitions.finish(place)
                return false
            }
            figures.counts.rejected += 1
            figures.deadLetters[error.reason, default: 0] += 1
            let letter = OutgoingRecord.deadLetter(
                record, topic: configuration.deadLettersTopic, stage: error.stage,
                reason: "freshet.EventRefusal." + error.reason, message: error.description)
            outbox.add(PendingRecord(record: letter, source: place, polled: polled, isList: false))
            return false
        }
    }

    private mutating func shouldDefer(_ content: EngineInput.Content, now: Duration) -> Bool {
        guard configuration.listInterval > .zero, case .event(let event) = content else { return false }
        return throttle.shouldDefer(event.user, now: now, interval: configuration.listInterval)
    }

    /// Answers what was deferred, where its interval is over: by the state as it is now.
    mutating func answerDeferred(interval: Duration) throws(DeliveryError) {
        let due = throttle.takeDue(now: time.elapsed(), interval: interval, countMax: configuration.batchMax)
        guard !due.isEmpty else { return }
        let now = time.wall()
        let began = time.elapsed()
        var answers = exchange(&self.answers, with: [])
        defer { self.answers = answers }
        try engineCall { engine throws(EngineError) in try engine.answer(due.map(\.input), now: now, into: &answers) }
        figures.recordLists(due.count, took: time.elapsed() - began)
        for (deferred, answer) in zip(due, answers) {
            post(answer, to: deferred.record, merged: deferred.merged, polled: deferred.polled)
        }
    }

    private mutating func count(_ answer: EngineAnswer, isNew: Bool) {
        if case .repetition = answer { return figures.counts.duplicate += 1 }
        if isNew { figures.counts.accepted += 1 } else { figures.counts.duplicate += 1 }
    }

    private mutating func post(
        _ answer: EngineAnswer, to record: KafkaRecord, merged: [RecordSource], polled: Duration
    ) {
        let key: String
        let value: [UInt8]?
        switch answer {
        case .none(let source), .repetition(let source):
            for source in merged { partitions.finish(source) }
            return partitions.finish(source)
        case .list(let list):
            key = list.user.text
            value = RecordEncoder.encode(list)
        case .tombstone(let user, _):
            key = user.text
            value = nil
        }
        let trace = record.headers.filter { $0.name == "traceparent" || $0.name == "tracestate" }
        let outgoing = OutgoingRecord(
            topic: configuration.recommendationsTopic, key: Array(key.utf8), value: value, headers: trace)
        outbox.add(
            PendingRecord(
                record: outgoing, source: record.source, merged: merged, polled: polled, isList: value != nil))
    }

    /// Transient errors are reported; all others stop the loop.
    mutating func handle(_ error: StreamingError) throws(DeliveryError) {
        guard isTransient(error) || error.recovery == .passOver else { throw .streaming(error) }
        notice(.transientError(error))
    }

    /// Whether an error goes away by itself. A topic that is not there does where it may be created: the brokers say that
    /// they do not know it until it is. It does, too, where topics were there before: a broker that comes back may
    /// know of them a moment later than it answers.
    func isTransient(_ error: StreamingError) -> Bool {
        switch error.recovery {
        // An abort is what a failed record of a transaction leads to by itself.
        case .retry, .abortTransaction: true
        case .missingTopic: configuration.createsTopics || hasRead
        default: false
        }
    }
}
