internal import Events
internal import Streaming

/// Who wrote a record: a producer's id, and the epoch that tells its incarnations apart.
public struct ProducerIdentity: Hashable, Sendable {
    public var id: Int64
    public var epoch: Int16
}

/// What a reader sees of open and aborted transactions.
public enum IsolationLevel: Sendable {
    case readCommitted
    case readUncommitted
}

/// The log of one partition, as the brokers keep it: records and control records at rising offsets,
/// which transactions are open, which were aborted, and how far retention has come.
public struct SimulatedLog: Sendable {
    struct Entry: Sendable {
        enum Content: Sendable {
            case record(OutgoingRecord)
            /// The end of a transaction; readers never see it, but it takes an offset.
            case marker(isCommit: Bool)
        }

        var content: Content
        var timestamp: Timestamp
        var producer: ProducerIdentity?
        var isTransactional: Bool
    }

    /// Offsets of a producer's transaction that was aborted: from its first record to its marker.
    private struct AbortedRange: Sendable {
        var producer: Int64
        var offsets: ClosedRange<Int64>
    }

    /// The newest sequence number of a producer, and where its record is.
    private struct Sequence: Sendable {
        var epoch: Int16
        var number: Int32
        var offset: Int64
    }

    /// Entry `place` has offset `firstKept + place`.
    private var entries: [Entry] = []
    private var firstKept: Int64 = 0
    private var openSince: [Int64: Int64] = [:]
    private var aborted: [AbortedRange] = []
    private var sequences: [Int64: Sequence] = [:]

    /// The oldest offset that can be read.
    public private(set) var lowWatermark: Int64 = 0

    /// The offset that the next record gets.
    public var highWatermark: Int64 { firstKept + Int64(entries.count) }

    /// Readers of committed records see what is below: the first record of the oldest open transaction.
    public var lastStableOffset: Int64 { openSince.values.min() ?? highWatermark }

    /// Appends a record.
    ///
    /// - Parameters:
    ///   - producer: of an idempotent or transactional producer; nil appends whatever comes.
    ///   - sequence: counts the producer's records in this partition from 0 in each epoch. A record that
    ///     came before is not appended again.
    /// - Returns: its offset.
    mutating func append(
        _ record: OutgoingRecord, at timestamp: Timestamp, producer: ProducerIdentity?, sequence: Int32,
        isTransactional: Bool
    ) throws(BrokerRefusal) -> Int64 {
        let offset = highWatermark
        if let producer {
            let last = sequences[producer.id]
            if let last {
                guard producer.epoch >= last.epoch else { throw .producerFenced }
                if producer.epoch == last.epoch, sequence <= last.number { return last.offset }
            }
            let isSuccessor = last.map { $0.epoch == producer.epoch && sequence == $0.number + 1 } ?? false
            guard sequence == 0 || isSuccessor else { throw .outOfOrderSequence }
            sequences[producer.id] = Sequence(epoch: producer.epoch, number: sequence, offset: offset)
            if isTransactional, openSince[producer.id] == nil { openSince[producer.id] = offset }
        }
        entries.append(
            Entry(content: .record(record), timestamp: timestamp, producer: producer, isTransactional: isTransactional))
        return offset
    }

    /// Ends a producer's transaction in this partition, where it has one.
    mutating func end(_ producer: ProducerIdentity, isCommit: Bool, at timestamp: Timestamp) {
        let marker = highWatermark
        entries.append(
            Entry(content: .marker(isCommit: isCommit), timestamp: timestamp, producer: producer, isTransactional: true))
        guard let first = openSince.removeValue(forKey: producer.id) else { return }
        if !isCommit { aborted.append(AbortedRange(producer: producer.id, offsets: first...marker)) }
    }

    /// Retention: what is below `offset` is gone.
    mutating func moveLowWatermark(to offset: Int64) {
        lowWatermark = max(lowWatermark, min(offset, highWatermark))
        entries.removeFirst(Int(lowWatermark - firstKept))
        firstKept = lowWatermark
    }

    /// Reads what `isolation` lets a reader see.
    ///
    /// - Parameter limit: records at most.
    /// - Returns: the records with their offsets, and the offset to read from next: past what is hidden.
    func read(
        from start: Int64, limit: Int, isolation: IsolationLevel
    ) throws(BrokerRefusal) -> (records: [(offset: Int64, timestamp: Timestamp, record: OutgoingRecord)], next: Int64) {
        guard (lowWatermark...highWatermark).contains(start) else {
            throw .offsetOutOfRange(earliest: lowWatermark, latest: highWatermark)
        }
        let end = isolation == .readCommitted ? lastStableOffset : highWatermark
        var records: [(offset: Int64, timestamp: Timestamp, record: OutgoingRecord)] = []
        var offset = start
        while offset < end, records.count < limit {
            let entry = entries[Int(offset - firstKept)]
            if case .record(let record) = entry.content, isolation == .readUncommitted || !isAborted(entry, at: offset) {
                records.append((offset, entry.timestamp, record))
            }
            offset += 1
        }
        return (records, offset)
    }

    private func isAborted(_ entry: Entry, at offset: Int64) -> Bool {
        guard entry.isTransactional, let producer = entry.producer else { return false }
        return aborted.contains { $0.producer == producer.id && $0.offsets.contains(offset) }
    }
}
