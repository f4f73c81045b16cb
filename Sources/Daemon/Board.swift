internal import Settings
internal import Synchronization
internal import Telemetry

/// What the engine thread and the rest of the process tell each other, apart from queries: values,
/// handed over whole under one lock.
final class Board: Sendable {
    struct Contents: Sendable {
        var report = StatusReport()
        var heartbeat = ContinuousClock.now
        var isRestored = false
        var isConnected = false
        var assignedPartitions = 0
        /// Partitions that cannot be read before the disk takes where reading begins, sorted.
        var waitingForDisk: [String] = []
        var isStopping = false
        /// A configuration to take over, the newest.
        var newSettings: Settings?
    }

    private let contents = Mutex(Contents())

    func with<Value: Sendable>(_ body: (inout sending Contents) -> sending Value) -> Value {
        contents.withLock { body(&$0) }
    }
}
