internal import Checkpoints
internal import Engine
internal import Events
internal import HTTPService
internal import Logging
internal import Settings
internal import StateStore
internal import Streaming
internal import Telemetry

/// The one thread that owns everything that changes: it polls a batch, steps the engine, publishes,
/// commits and checkpoints, in that order, and answers queries between batches.
struct EngineThread: ~Copyable {
    var settings: Settings
    let board: Board
    let queries: QueryQueue
    let logger: Logger

    var engine: Engine
    var decoder: EventDecoder
    let store: StateStore
    let writer: CheckpointWriter
    let consumer: Consumer
    let producer: Producer

    var tracker = OffsetTracker()
    var outbox = Outbox()
    var figures = StreamFigures()
    /// Below this offset, for each partition, an earlier run has answered.
    var answeredBefore: [TopicPartition: Int64] = [:]
    var assigned: Set<TopicPartition> = []
    /// Partitions that came while the brokers could not say what is committed.
    var awaitingStart: Set<TopicPartition> = []
    var highWatermarks: [TopicPartition: Int64] = [:]
    var reports: [DeliveryReport] = []
    /// For each kind of passing error, when it may be logged again.
    var quietUntil: [String: ContinuousClock.Instant] = [:]

    /// Records in one batch.
    static let batchMax = 256
    /// Records on their way to Kafka before reading pauses.
    static let inFlightMax = 10_000

    init(_ settings: Settings, board: Board, queries: QueryQueue, logger: Logger) throws(DaemonError) {
        let store: StateStore
        let consumer: Consumer
        let producer: Producer
        do throws(StateStoreError) {
            store = try StateStore(directory: settings.state.directory)
        } catch { throw .state(error) }
        let restored = try Restoring.engine(from: store, settings, logger: logger)
        do throws(StreamingError) {
            let kafka = KafkaConfiguration(settings)
            consumer = try Consumer(kafka, topics: [settings.topics.events])
            producer = try Producer(kafka, topics: [settings.topics.recommendations, settings.topics.deadLetters])
        } catch { throw .streaming(error) }
        guard let decoder = EventDecoder(fields: settings.topics.eventsFields, limits: settings.events) else {
            throw .decoder
        }
        self.settings = settings
        self.board = board
        self.queries = queries
        self.logger = logger
        self.store = store
        self.consumer = consumer
        self.producer = producer
        self.decoder = decoder
        writer = CheckpointWriter(store, board: board)
        engine = restored
        board.with { $0.isRestored = true }
    }

    /// Runs until the board says stop, then drains.
    mutating func run() throws(DaemonError) {
        SystemdNotifier.ready()
        var events: [ConsumerEvent] = []
        while !board.with({ $0.isStopping }) {
            try turn(&events)
        }
        try drain()
    }

    /// One turn of the loop. Every wait in it is bounded.
    private mutating func turn(_ events: inout [ConsumerEvent]) throws(DaemonError) {
        takeOverSettings()
        try answerQueries()
        events.removeAll(keepingCapacity: true)
        if outbox.count < Self.inFlightMax {
            // With records under way their acknowledgements are looked for every millisecond.
            let wait: Duration = outbox.count > 0 ? .milliseconds(1) : .milliseconds(20)
            consumer.poll(into: &events, eventsMax: Self.batchMax, timeout: wait)
        }
        try handle(events)
        try collectDeliveries(timeout: outbox.count < Self.inFlightMax ? .zero : .milliseconds(5))
        try startAwaiting()
        let now = ContinuousClock.now
        if figures.isCommitDue(now) { try commit(waiting: false) }
        if figures.isReportDue(now) { publishReport(now) }
        try checkpointIfDue(now)
        board.with { $0.heartbeat = now }
    }

    /// Stops reading, delivers and commits what is under way, and writes the last checkpoint.
    private mutating func drain() throws(DaemonError) {
        SystemdNotifier.stopping()
        logger.info("draining", metadata: ["in_flight": "\(outbox.count)"])
        let deadline = ContinuousClock.now + .seconds(10)
        while outbox.count > 0, ContinuousClock.now < deadline {
            try collectDeliveries(timeout: .milliseconds(50))
        }
        try commit(waiting: true)
        let outcome = writer.finish(engine.takeCheckpoint())
        consumer.close(timeout: .seconds(5))
        queries.close()
        publishReport(ContinuousClock.now)
        if let error = outcome.error { throw .state(error) }
        logger.info("stopped", metadata: ["model_version": "\(engine.modelVersion)"])
    }
}
