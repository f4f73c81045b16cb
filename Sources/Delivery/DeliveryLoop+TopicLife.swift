internal import Engine
internal import Events
internal import Streaming

/// Whether a topic is still the one that was learned from. One that was deleted and made again counts its offsets anew:
/// its events would pass for duplicates. Librdkafka 2.0.2 tells no topic ids, so the signs are taken: a log that ends
/// before what was read of it, for as long as `shortLogTime`, and another record where one was read before.
extension DeliveryLoop {
    /// A leader that has just been elected may know of less for a moment.
    static var shortLogTime: Duration { .seconds(10) }
    private static var verificationTime: Duration { .seconds(5) }
    private static var retryInterval: Duration { .seconds(1) }

    /// - Returns: where reading starts; nil where that is not known yet.
    mutating func start(of partition: TopicPartition, committed: Int64) throws(StreamingError) -> Start? {
        let range = try consumer.offsetRange(of: partition, timeout: WaitLimits.question)
        guard let awaiting = partitions.awaiting(partition) else { return nil }
        switch awaiting.finding {
        case .isAnother?:
            return try startAnew(partition, at: range.lowerBound)
        case .wasCutOff?:
            return try startAnew(partition, at: range.upperBound, isCutOff: true)
        case .isSame?, nil: break
        }
        let learned = engine.nextOffsets[partition]
        if max(committed, learned ?? 0) > range.upperBound {
            let isConfirmed = try confirmShort(partition, since: awaiting.shortSince, range)
            guard isConfirmed else { return nil }
            guard !range.isEmpty else { return try startAnew(partition, at: range.lowerBound) }
            try verify(partition, .isYounger(than: marks[partition]), at: range.lowerBound)
            return nil
        }
        if awaiting.finding == nil, learned != nil, let mark = marks[partition], range.contains(mark.offset) {
            try verify(partition, .isSameRecord(mark), at: mark.offset)
            return nil
        }
        let wanted = min(committed, learned ?? committed)
        let next = max(wanted, range.lowerBound)
        return Start(next: next, committed: committed, lost: next - wanted)
    }

    private mutating func confirmShort(
        _ partition: TopicPartition, since: Duration?, _ range: Range<Int64>
    ) throws(StreamingError) -> Bool {
        let now = time.elapsed()
        guard let since else {
            partitions.updateAwaiting(partition) { $0.shortSince = now }
            notice(.endsEarly(partition, end: range.upperBound))
            startRetryAt = now + Self.retryInterval
            return false
        }
        if now - since < Self.shortLogTime { startRetryAt = now + Self.retryInterval }
        return now - since >= Self.shortLogTime
    }

    /// Has the first record from `offset` on looked at before anything is read.
    private mutating func verify(
        _ partition: TopicPartition, _ question: Verification.Question, at offset: Int64
    ) throws(StreamingError) {
        try consumer.assign([partition: offset])
        let verification = Verification(
            question: question, deadline: time.elapsed() + Self.verificationTime,
            hasSessions: partitions.awaiting(partition)?.hasSessions ?? false)
        partitions.beginVerifying(partition, verification)
    }

    /// A record, or the end, of a partition that is looked at.
    ///
    /// - Returns: false where the partition is not looked at.
    mutating func concludeVerification(
        of partition: TopicPartition, _ offset: Int64?, _ timestamp: Timestamp?
    ) throws(DeliveryError) -> Bool {
        guard let verification = partitions.verification(of: partition) else { return false }
        do throws(StreamingError) { try consumer.unassign([partition]) } catch {
            // What it says next is looked at.
            try handle(error)
            return true
        }
        partitions.finishVerifying(partition, verification.finding(offset, timestamp))
        return true
    }

    /// A partition that says nothing, as where its only record there is a marker, is what it was.
    mutating func endVerifications() throws(DeliveryError) {
        let now = time.elapsed()
        for partition in partitions.all {
            guard let verification = partitions.verification(of: partition), now >= verification.deadline else { continue }
            _ = try concludeVerification(of: partition, nil, nil)
        }
    }

    /// Begins a partition anew, with nothing of what was known of its offsets.
    private mutating func startAnew(
        _ partition: TopicPartition, at next: Int64, isCutOff: Bool = false
    ) throws(StreamingError) -> Start {
        try consumer.commit([partition: next], within: WaitLimits.question)
        let known = engine.nextOffsets[partition] ?? 0
        engine.restart(partition, at: next)
        marks[partition] = nil
        departed[partition] = nil
        notice(isCutOff ? .wasCutOff(partition, known: known, next: next) : .recreated(partition, known: known, next: next))
        return Start(next: next, committed: next, lost: 0)
    }

    /// The offset to read is not in the log: retention was faster, or the log ends before it.
    mutating func leaveRange(_ partition: TopicPartition) throws(DeliveryError) {
        if try concludeVerification(of: partition, nil, nil) { return }
        guard let reading = partitions.reading(partition) else { return }
        reading.outOfRange = (time.elapsed(), time.elapsed())
        try returnToRange()
    }

    /// Goes on reading partitions whose offset was out of range.
    mutating func returnToRange() throws(DeliveryError) {
        let now = time.elapsed()
        for partition in partitions.assigned {
            guard let reading = partitions.reading(partition), let outside = reading.outOfRange, now >= outside.retryAt else { continue }
            reading.outOfRange?.retryAt = now + Self.retryInterval
            do throws(StreamingError) {
                try returnToRange(partition, reading, since: outside.since)
            } catch {
                try handle(error)
            }
        }
    }

    private mutating func returnToRange(
        _ partition: TopicPartition, _ reading: ReadingPartition, since: Duration
    ) throws(StreamingError) {
        let range = try consumer.offsetRange(of: partition, timeout: WaitLimits.question)
        if reading.position > range.upperBound {
            // A leader that has just been elected may know of less for a moment.
            guard time.elapsed() - since >= Self.shortLogTime else { return }
            try detach(partition, reading)
            forgetAnswers(of: [partition], "\(partition) ends before what was read of it")
            if let mark = reading.newest { marks[partition] = mark }
            partitions.restart(partition)
            return
        }
        let next = max(reading.position, range.lowerBound)
        try detach(partition, reading)
        try consumer.assign([partition: next])
        reading.isAssigned = true
        let lost = next - reading.position
        reading.position = next
        reading.outOfRange = nil
        reading.isPaused = false
        passOver(partition, below: next, lost: lost)
    }

    private func detach(_ partition: TopicPartition, _ reading: ReadingPartition) throws(StreamingError) {
        if reading.isAssigned { try consumer.unassign([partition]) }
        reading.isAssigned = false
    }
}
