internal import Events
internal import Telemetry

/// What a delivery loop counts and times, and when its recurring duties are due.
struct StreamFigures {
    var counts = EventCounts()
    var deadLetters: [String: UInt64] = [:]
    /// Records that the brokers will never take.
    var undeliverable: UInt64 = 0
    private var published: UInt64 = 0
    private var recommend = LatencyHistogram()
    private var train = LatencyHistogram()
    private var eventToPublish = LatencyHistogram()
    /// Records that were gone before they were read.
    var lost: UInt64 = 0
    /// Sessions read back from the changelog.
    var restoredSessions: UInt64 = 0
    var transactionsCommitted: UInt64 = 0
    var transactionsAborted: UInt64 = 0
    private let started: Duration
    private var lastCommit: Duration
    private var lastCheckpoint: Duration?
    private var lastCheckpointStart: Duration
    private(set) var isCheckpointing = false
    /// Checkpoints that failed since the last one that was written.
    private var failuresInRow = 0
    private var checkpointsSucceeded: UInt64 = 0
    private var checkpointsFailed: UInt64 = 0

    private static let retryIntervalMax = Duration.seconds(60)

    init(now: Duration) {
        started = now
        lastCommit = now
        lastCheckpointStart = now
    }

    mutating func recordLists(_ count: Int, took: Duration) {
        for _ in 0..<count { recommend.record(took / count) }
    }

    mutating func recordTraining(_ count: Int, took: Duration) {
        for _ in 0..<count { train.record(took / count) }
    }

    mutating func recordDelivery(took: Duration) {
        eventToPublish.record(took)
        published += 1
    }

    mutating func isCommitDue(_ now: Duration, interval: Duration) -> Bool {
        Self.isDue(&lastCommit, now, interval)
    }

    /// - Returns: true at most once an interval, and never while a checkpoint is being written. On a disk
    ///   that is full each failure doubles the time to the next attempt, up to a minute: an attempt copies and
    ///   writes everything that has changed since the last one that went well.
    mutating func startCheckpointIfDue(_ now: Duration, interval: Duration) -> Bool {
        let doubled = interval * (1 << min(failuresInRow, 6))
        let wait = failuresInRow == 0 ? interval : max(interval, min(doubled, Self.retryIntervalMax))
        guard !isCheckpointing, Self.isDue(&lastCheckpointStart, now, wait) else { return false }
        isCheckpointing = true
        return true
    }

    mutating func finishCheckpoint(_ now: Duration, isWritten: Bool) {
        isCheckpointing = false
        failuresInRow = isWritten ? 0 : failuresInRow + 1
        if isWritten {
            checkpointsSucceeded += 1
            lastCheckpoint = now
        } else {
            checkpointsFailed += 1
        }
    }

    func report(_ now: Duration) -> StatusReport {
        var report = StatusReport()
        report.uptimeSeconds = (now - started) / .seconds(1)
        report.events = counts
        report.deadLetters = deadLetters
        report.recommendationsPublished = published
        report.undeliverable = undeliverable
        report.lostRecords = lost
        report.restoredSessions = restoredSessions
        report.transactionsCommitted = transactionsCommitted
        report.transactionsAborted = transactionsAborted
        report.checkpointAgeSeconds = lastCheckpoint.map { (now - $0) / .seconds(1) }
        report.checkpointsSucceeded = checkpointsSucceeded
        report.checkpointsFailed = checkpointsFailed
        report.eventToPublish = eventToPublish.summary()
        report.recommend = recommend.summary()
        report.train = train.summary()
        return report
    }

    private static func isDue(
        _ last: inout Duration, _ now: Duration, _ interval: Duration
    ) -> Bool {
        guard now - last >= interval else { return false }
        last = now
        return true
    }
}
