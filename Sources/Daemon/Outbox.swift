internal import Events
internal import Streaming

/// Records on their way to Kafka, each kept until the brokers have it, so that one that failed is sent
/// again. Bounded by the producer's own queue.
struct Outbox {
    struct Letter {
        var record: OutgoingRecord
        /// The event that it answers.
        var source: RecordSource
        /// When that event was polled.
        var polled: ContinuousClock.Instant
        var isList: Bool
    }

    private var letters: [UInt: Letter] = [:]
    /// 0 is no token: librdkafka carries it as a pointer.
    private var nextToken: UInt = 1

    var count: Int { letters.count }

    mutating func add(_ letter: Letter) -> UInt {
        let token = nextToken
        nextToken += 1
        letters[token] = letter
        return token
    }

    func letter(_ token: UInt) -> Letter? { letters[token] }

    mutating func remove(_ token: UInt) -> Letter? { letters.removeValue(forKey: token) }
}
