public import Checkpoints
public import Events
public import StateStore
public import Streaming

/// What a delivery loop works on. The daemon's is librdkafka, a state directory and the system's clocks;
/// a simulation's is whatever fails on purpose.
public protocol DeliveryWorld {
    associatedtype Consumer: RecordConsumer
    /// Reads the changelog of sessions back.
    associatedtype Reader: PartitionReader
    associatedtype Producer: RecordProducer
    associatedtype Store: CheckpointStore
    associatedtype Time: TimeSource
}

/// Time, handed in: the loop asks no clock.
public protocol TimeSource {
    /// Since any moment of this process; never goes back.
    func elapsed() -> Duration

    /// The time of day; may jump.
    func wall() -> Timestamp
}

/// Where checkpoints go.
public protocol CheckpointStore {
    /// Starts writing, at once or beside the loop. Only one is ever under way.
    func start(_ checkpoint: Checkpoint)

    /// How the last one ended, once; nil while it is being written.
    func takeOutcome() -> CheckpointOutcome?

    /// Waits for the one under way.
    ///
    /// - Returns: how it ended, where nobody has taken that yet; nil where nothing was under way.
    func waitForOutcome() -> CheckpointOutcome?

    /// Writes now, after what is being written.
    func finish(_ checkpoint: Checkpoint) -> CheckpointOutcome
}

/// How the writing of a checkpoint ended.
public struct CheckpointOutcome: Sendable {
    /// The checkpoint, where it failed: its rows are to be written again.
    public var failed: Checkpoint?
    public var error: StateStoreError?

    public init(failed: Checkpoint?, error: StateStoreError?) {
        self.failed = failed
        self.error = error
    }

    public static var written: CheckpointOutcome { CheckpointOutcome(failed: nil, error: nil) }
}
