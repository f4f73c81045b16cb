internal import Events
internal import Streaming

/// How often a producer may be replaced without any record getting through in between: an error that a new producer
/// does not heal must not be tried for ever.
struct ProducerReplacements {
    private var sinceProgress = 0

    private static let inRowMax = 5

    /// A record or a transaction got through.
    mutating func recordProgress() { sinceProgress = 0 }

    /// Counts one more replacement.
    ///
    /// - Returns: false where it is one too many.
    mutating func mayReplace() -> Bool {
        sinceProgress += 1
        return sinceProgress <= Self.inRowMax
    }
}

/// A producer that has failed for good is replaced within the process: what it had not delivered goes out by the new one.
extension DeliveryLoop {
    /// Acts on an error of a record that was handed over or reported, which no other try with the same producer heals.
    ///
    /// - Throws: the error, where a new producer does not heal it either.
    mutating func replaceProducer(after error: StreamingError) throws(DeliveryError) {
        guard error.recovery == .restart || error.recovery == .fenced else { throw .streaming(error) }
        if publishing.isTransactional {
            let recovery: TransactionError.Recovery = error.recovery == .fenced ? .fenced : .stop
            let failure = TransactionError(recovery: recovery, name: error.name, detail: "")
            return try replaceTransactionalProducer(failure, unresolved: publishing.unresolvedOffsets)
        }
        guard replacements.mayReplace() else { throw .streaming(error) }
        notice(.producerReplaced(reason: "\(error)"))
        try makeNewProducer()
        outbox.recallInFlight()
    }

    /// The old producer is dropped with all that it still has: the outbox has it too.
    mutating func makeNewProducer() throws(DeliveryError) {
        do throws(StreamingError) { producer = try makeProducer() } catch { throw .streaming(error) }
        outbox.forgetReports()
    }
}
