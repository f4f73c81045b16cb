internal import Delivery
internal import Events
internal import Streaming

/// The world that a daemon delivers in.
enum KafkaWorld: DeliveryWorld {
    typealias Consumer = Streaming.Consumer
    typealias Reader = Streaming.Consumer
    typealias Producer = Streaming.Producer
    typealias Store = CheckpointWriter
    typealias Time = SystemTime
}

/// The system's clocks, asked in one place and handed in everywhere else.
struct SystemTime: TimeSource {
    private let started = ContinuousClock.now

    func elapsed() -> Duration { ContinuousClock.now - started }

    func wall() -> Timestamp { WallClock.now() }
}
