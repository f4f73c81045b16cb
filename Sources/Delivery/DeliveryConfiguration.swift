/// What a delivery loop must know before its first record.
public struct DeliveryConfiguration: Sendable, Equatable {
    public var guarantee = Guarantee.atLeastOnce
    public var recommendationsTopic = "recommendations"
    public var deadLettersTopic = "events.dlq"
    /// The changelog of sessions, compacted; nil for none.
    public var sessionsTopic: String?
    /// Whether a topic that does not exist is one that is being created.
    public var createsTopics = true
    /// Whether what is learned is a function of the events alone, not of load.
    public var isReproducible = false
    public var checkpointInterval = Duration.seconds(10)
    /// Rows that one turn copies for a checkpoint while records come: about a millisecond.
    public var checkpointRowsMax = 512
    /// The same of a turn without records, for which nobody waits.
    public var checkpointRowsIdleMax = 2048
    /// Records in one batch.
    public var batchMax = 256
    /// Events that were answered and are not learned yet, at most, while more come.
    public var unlearnedMax = 256
    /// Records on their way to Kafka before reading pauses.
    public var inFlightMax = 10_000
    /// At most one list a user in this time; the newest always goes out. With `atLeastOnce` only: offsets wait for
    /// the list that stands for them, and a transaction cannot.
    public var listInterval = Duration.zero
    /// Records read and not done with before reading pauses.
    public var openMax = 1_000_000
    /// Time between commits of offsets, with `atLeastOnce`.
    public var commitInterval = Duration.milliseconds(500)
    /// How long a transaction takes records in before it is committed. A stream that pauses commits at once.
    public var transactionInterval = Duration.milliseconds(100)
    /// How long the brokers wait for the end of one: librdkafka's `transaction.timeout.ms`.
    public var transactionTimeout = Duration.seconds(5)

    public init() {}

    public enum Guarantee: Sendable, Equatable {
        /// Offsets are committed once their lists are acknowledged.
        case atLeastOnce
        /// Lists, dead letters and offsets are one transaction.
        case exactlyOnce
    }
}
