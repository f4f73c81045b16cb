internal import Events
internal import Streaming

/// Records on their way to Kafka, in order, each kept until the brokers have it (or, in a transaction,
/// until that is committed), so that one that failed is sent again. Bounded: reading pauses where it is full.
struct Outbox {
    struct Letter {
        var record: OutgoingRecord
        /// The event that it answers.
        var source: RecordSource
        /// Earlier events that it answers too.
        var merged: [RecordSource] = []
        /// When that event was polled.
        var polled: Duration
        var isList: Bool
        /// The batch that it came of.
        fileprivate(set) var batch: UInt64 = 0

        init(
            record: OutgoingRecord, source: RecordSource, merged: [RecordSource] = [], polled: Duration, isList: Bool
        ) {
            self.merged = merged
            self.record = record
            self.source = source
            self.polled = polled
            self.isList = isList
        }
    }

    private var letters: [UInt: Letter] = [:]
    /// Tokens of letters that the producer does not have, in order, from `head` on.
    private var waiting: [UInt] = []
    private var head = 0
    /// Tokens that the producer was given in this transaction, in order.
    private(set) var sent: [UInt] = []
    /// Letters that the producer has, and that an older one of the same key will come after.
    private var overtaken: Set<UInt> = []
    /// Letters that the producer has and has not reported.
    private(set) var inFlight = 0
    /// 0 is no token: librdkafka carries it as a pointer.
    private var nextToken: UInt = 1
    private var batch: UInt64 = 0

    var count: Int { letters.count }
    var hasWaiting: Bool { head < waiting.count }

    /// What is added from now on is of another batch.
    mutating func beginBatch() { batch += 1 }

    /// Whether the batch of the letter that was sent last has more. A transaction that ended here would hold
    /// answers to records beyond its offsets: dead letters come before the lists of a batch.
    var isMidBatch: Bool {
        guard let last = sent.last.flatMap({ letters[$0] }), let next else { return false }
        return next.letter.batch == last.batch
    }

    mutating func add(_ letter: Letter) {
        letters[nextToken] = letter
        letters[nextToken]?.batch = batch
        waiting.append(nextToken)
        nextToken += 1
    }

    func letter(_ token: UInt) -> Letter? { letters[token] }

    /// The next letter to send.
    var next: (token: UInt, letter: Letter)? {
        guard head < waiting.count, let letter = letters[waiting[head]] else { return nil }
        return (waiting[head], letter)
    }

    /// The next letter was given to the producer.
    mutating func nextWasSent(inTransaction: Bool) {
        if inTransaction { sent.append(waiting[head]) }
        inFlight += 1
        takeNext()
    }

    /// The next letter will never be sent.
    mutating func dropNext() -> Letter? {
        let token = waiting[head]
        takeNext()
        return letters.removeValue(forKey: token)
    }

    /// A report came for `token`.
    mutating func reported() { inFlight = max(0, inFlight - 1) }

    mutating func remove(_ token: UInt) -> Letter? { letters.removeValue(forKey: token) }

    /// A letter goes again, in its old place among those that wait. Newer letters of its key that the
    /// producer has go again after it: what a compacted topic keeps is the newest.
    mutating func sendAgain(_ token: UInt) {
        guard let letter = letters[token] else { return }
        let isWaiting = Set(waiting[head...])
        for (other, newer) in letters where other > token && !isWaiting.contains(other) {
            if newer.record.topic == letter.record.topic, newer.record.key == letter.record.key { overtaken.insert(other) }
        }
        let place = waiting[head...].firstIndex { $0 > token } ?? waiting.endIndex
        waiting.insert(token, at: place)
    }

    /// Whether a letter that was delivered is to go once more; asking settles it.
    mutating func wasOvertaken(_ token: UInt) -> Bool { overtaken.remove(token) != nil }

    /// The transaction is committed.
    ///
    /// - Returns: its letters.
    mutating func takeSent() -> [Letter] {
        let taken = sent.compactMap { letters.removeValue(forKey: $0) }
        sent.removeAll(keepingCapacity: true)
        return taken
    }

    /// The letters of this transaction.
    var sentLetters: [Letter] { sent.compactMap { letters[$0] } }

    /// The transaction is aborted: what was sent in it goes again, before what waits.
    mutating func recallSent() {
        waiting = sent.filter { letters[$0] != nil } + waiting[head...]
        head = 0
        sent.removeAll(keepingCapacity: true)
    }

    /// Forgets what answers records of partitions that are gone.
    mutating func removeAll(of partitions: [TopicPartition]) {
        let gone = Set(partitions)
        letters = letters.filter { !gone.contains($0.value.source.topicPartition) }
        waiting = waiting[head...].filter { letters[$0] != nil }
        sent.removeAll { letters[$0] == nil }
        overtaken = overtaken.filter { letters[$0] != nil }
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
