/// Everything an operator can ask about a running daemon, at one instant: the answer of
/// `GET /v1/status`, the source of `GET /metrics`, and what the terminal shows.
///
/// The engine thread makes one about once a second and hands it over whole; nobody else writes it.
public struct StatusReport: Codable, Sendable {
    public var version = ""
    public var instructionSet = ""
    public var encoder = ""
    public var modelVersion: UInt64 = 0
    public var uptimeSeconds: Double = 0
    /// The checks of `/readyz`.
    public var checks: [HealthReport.Check] = []

    public var items = 0
    public var users = 0
    public var residentBytes: UInt64 = 0

    public var events = EventCounts()
    /// Dead letters by reason.
    public var deadLetters: [String: UInt64] = [:]
    public var recommendationsPublished: UInt64 = 0
    /// Lists and dead letters that the brokers will never take, and that were passed over.
    public var undeliverable: UInt64 = 0
    /// Records that were gone before they were read: retention ran out.
    public var lostRecords: UInt64 = 0
    /// Sessions read back from their changelog, for partitions that came from elsewhere.
    public var restoredSessions: UInt64 = 0
    public var transactionsCommitted: UInt64 = 0
    public var transactionsAborted: UInt64 = 0
    public var trainingSteps: UInt64 = 0
    public var replayedSteps: UInt64 = 0
    /// By model, then reason: how often it went back to its last good parameters.
    public var rollbacks: [String: [String: UInt64]] = [:]

    /// Live quality in the sliding window, by model; models include `popular`.
    public var quality: [String: RankingQuality] = [:]
    /// The same over every list since the daemon started.
    public var wholeQuality: [String: RankingQuality] = [:]
    public var partitions: [PartitionStatus] = []
    /// How old the newest record read is, where more are waiting behind it; 0 where none are.
    public var consumerLagSeconds: Double?

    /// Partitions that are not read, for where reading begins cannot be written down: the disk is full.
    public var partitionsWaitingForDisk = 0

    public var checkpointAgeSeconds: Double?
    public var checkpointsSucceeded: UInt64 = 0
    public var checkpointsFailed: UInt64 = 0

    public var eventToPublish = LatencySummary()
    public var recommend = LatencySummary()
    public var train = LatencySummary()

    public init() {}
}

public struct EventCounts: Codable, Sendable, Equatable {
    public var accepted: UInt64 = 0
    public var rejected: UInt64 = 0
    public var duplicate: UInt64 = 0

    public init() {}
}

/// Prequential quality: each list is scored by the event that came after it was made.
public struct RankingQuality: Codable, Sendable, Equatable {
    /// Lists scored.
    public var scored: UInt64 = 0
    public var recall10: Double = 0
    public var recall20: Double = 0
    public var mrr20: Double = 0
    public var ndcg10: Double = 0
    public var ndcg20: Double = 0

    public init() {}
}

public struct PartitionStatus: Codable, Sendable, Equatable {
    public var topic: String
    public var partition: Int32
    /// The next offset to learn from.
    public var position: Int64?
    public var committed: Int64?
    public var lagRecords: Int64?

    public init(topic: String, partition: Int32, position: Int64?, committed: Int64?, lagRecords: Int64?) {
        self.topic = topic
        self.partition = partition
        self.position = position
        self.committed = committed
        self.lagRecords = lagRecords
    }
}
