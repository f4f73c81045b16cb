/// How long a delivery loop waits for the brokers, at most, in one call. Nothing waits without a limit.
///
/// | call | limit |
/// |---|---|
/// | committed offsets, first and last offset, partitions of a topic, a commit that is waited for | `question` |
/// | one step of a transaction (offsets, commit) | `transactionStep`; it is resumed in the next turn |
/// | an abort, and taking over the transactional id | `abortStep`, `initializationStep`; likewise |
/// | what is under way when partitions are revoked | `question` |
/// | what is under way when the daemon stops | `drain`, and one call more |
/// | leaving the group | `close` |
///
/// Calls that librdkafka answers by itself, without a broker, have no limit: assigning, pausing, beginning a transaction.
enum WaitLimits {
    static let question = Duration.seconds(5)
    static let transactionStep = Duration.seconds(1)
    /// Delivery reports must be polled between two attempts.
    static let abortStep = Duration.milliseconds(50)
    static let initializationStep = Duration.milliseconds(500)
    static let drain = Duration.seconds(5)
    static let close = Duration.seconds(3)
}
