internal import Events
internal import Streaming

/// Records on their way to Kafka, in order, each kept until the brokers have it (or, in a transaction,
/// until that is committed), so that one that failed is sent again. Bounded: reading pauses where it is full.
struct Outbox {
    private var pending: [UInt: PendingRecord] = [:]
    /// Tokens of records that the producer does not have, in order, from `head` on.
    private var waiting: [UInt] = []
    private var head = 0
    /// Tokens that the producer was given in this transaction, in order.
    private(set) var sent: [UInt] = []
    /// Records that the producer has and has not reported.
    private(set) var inFlight = 0
    /// Whether one of those is to be the only one of its request.
    private var isLoneInFlight = false
    /// 0 is no token: librdkafka carries it as a pointer.
    private var nextToken: UInt = 1
    private var batch: UInt64 = 0

    var count: Int { pending.count }
    var hasWaiting: Bool { head < waiting.count }

    /// What is added from now on is of another batch.
    mutating func beginBatch() { batch += 1 }

    /// Whether the batch of the record that was sent last has more. A transaction that ended here would hold
    /// answers to records beyond its offsets: dead letters come before the lists of a batch.
    var isMidBatch: Bool {
        guard let last = sent.last.flatMap({ pending[$0] }), let next else { return false }
        return next.record.batch == last.batch
    }

    mutating func add(_ record: PendingRecord) {
        pending[nextToken] = record
        pending[nextToken]?.batch = batch
        waiting.append(nextToken)
        nextToken += 1
    }

    func record(_ token: UInt) -> PendingRecord? { pending[token] }

    /// The next record to send.
    var next: (token: UInt, record: PendingRecord)? {
        guard head < waiting.count, let record = pending[waiting[head]] else { return nil }
        return (waiting[head], record)
    }

    /// Whether the next record must wait until others are reported: it, or one that is under way, goes alone.
    var mustNextWait: Bool {
        guard inFlight > 0, let next else { return false }
        return isLoneInFlight || next.record.goesAlone
    }

    /// The next record was given to the producer.
    mutating func nextWasSent(inTransaction: Bool) {
        let token = waiting[head]
        if inTransaction { sent.append(token) }
        pending[token]?.isWaiting = false
        isLoneInFlight = pending[token]?.goesAlone ?? false
        inFlight += 1
        takeNext()
    }

    /// The next record will never be sent.
    mutating func dropNext() -> PendingRecord? {
        let token = waiting[head]
        takeNext()
        return pending.removeValue(forKey: token)
    }

    /// A report came.
    mutating func reported() { inFlight = max(0, inFlight - 1) }

    /// The producer is gone, and with it all reports that were to come.
    mutating func forgetReports() { inFlight = 0 }

    mutating func remove(_ token: UInt) -> PendingRecord? { pending.removeValue(forKey: token) }

    /// A record was refused together with others of its request: it is tried alone before it is given up.
    ///
    /// - Returns: false where it was alone already.
    mutating func willGoAlone(_ token: UInt) -> Bool {
        guard pending[token]?.goesAlone == false else { return false }
        pending[token]?.goesAlone = true
        return true
    }

    /// Records go again, in their old places among those that wait. Newer records of their keys that the
    /// producer has go again after them: what a compacted topic keeps is the newest.
    mutating func sendAgain(_ tokens: [UInt]) {
        let again = tokens.filter { pending[$0]?.isWaiting == false }.sorted()
        guard !again.isEmpty else { return }
        var oldest: [RecordKey: UInt] = [:]
        for token in again.reversed() {
            pending[token]?.isWaiting = true
            pending[token]?.isOvertaken = false
            if let record = pending[token] { oldest[record.key] = token }
        }
        for (token, newer) in pending where !newer.isWaiting {
            if let older = oldest[newer.key], older < token { pending[token]?.isOvertaken = true }
        }
        wait(for: again)
    }

    /// Whether a record that was delivered is to go once more, after an older one of its key.
    func wasOvertaken(_ token: UInt) -> Bool { pending[token]?.isOvertaken ?? false }

    /// All that the producer had goes again, in order, before what waits.
    mutating func recallInFlight() {
        let again = pending.filter { !$0.value.isWaiting }.keys.sorted()
        for token in again {
            pending[token]?.isWaiting = true
            pending[token]?.isOvertaken = false
        }
        wait(for: again)
    }

    /// The transaction is committed.
    ///
    /// - Returns: its records.
    mutating func takeSent() -> [PendingRecord] {
        let taken = sent.compactMap { pending.removeValue(forKey: $0) }
        sent.removeAll(keepingCapacity: true)
        return taken
    }

    /// The records of this transaction.
    var sentRecords: [PendingRecord] { sent.compactMap { pending[$0] } }

    /// The transaction is aborted: what was sent in it goes again, before what waits.
    mutating func recallSent() {
        let again = sent.filter { pending[$0] != nil }
        for token in again { pending[token]?.isWaiting = true }
        wait(for: again)
        sent.removeAll(keepingCapacity: true)
    }

    /// Forgets what answers records of partitions that are gone. A list that answers records of others too is still
    /// sent, for them.
    mutating func removeAll(of partitions: [TopicPartition]) {
        let gone = Set(partitions)
        pending = pending.compactMapValues { $0.without(gone) }
        waiting = waiting[head...].filter { pending[$0] != nil }
        sent.removeAll { pending[$0] == nil }
        head = 0
    }

    /// Puts tokens, in order, among those that wait.
    private mutating func wait(for tokens: [UInt]) {
        guard !tokens.isEmpty else { return }
        let later = waiting[head...]
        if let first = later.first, let last = tokens.last, last > first {
            waiting = (tokens + later).sorted()
        } else {
            waiting = tokens + later
        }
        head = 0
    }

    private mutating func takeNext() {
        head += 1
        if head > 1024 && head * 2 > waiting.count {
            waiting.removeFirst(head)
            head = 0
        }
    }
}
