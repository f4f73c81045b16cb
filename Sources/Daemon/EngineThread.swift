internal import Delivery
internal import Engine
internal import Events
internal import HTTPService
internal import Logging
internal import Settings
internal import StateStore
internal import Streaming
internal import Telemetry

/// The one thread that owns everything that changes: it turns the delivery loop, and between turns answers
/// queries, takes over settings and reports.
struct EngineThread: ~Copyable {
    var settings: Settings
    let board: Board
    let queries: QueryQueue
    let logger: Logger
    let writer: CheckpointWriter
    /// Of what Kafka's client says.
    private let redaction: Redaction
    var loop: DeliveryLoop<KafkaWorld>

    private var lastReport: Duration?
    private let time = SystemTime()
    /// For each kind of passing trouble, when it may be logged again.
    private var quietUntil: [String: Duration] = [:]
    private var refusedRecords = RefusalLog()
    private var undeliverableRecords = RefusalLog()

    private static let reportInterval = Duration.milliseconds(500)
    /// A broker that is down is tried every second, and reported at this interval.
    private static let quietTime = Duration.seconds(30)

    init(_ settings: Settings, board: Board, queries: QueryQueue, logger: Logger) throws(DaemonError) {
        let store: StateStore
        let consumer: Consumer
        let reader: Consumer?
        let producer: Producer
        let makeProducer: () throws(StreamingError) -> Producer
        SystemdNotifier.restoring(rows: 0)
        do throws(StateStoreError) {
            store = try StateStore(directory: settings.state.directory)
        } catch { throw .state(error) }
        let restored = try Self.engine(from: store, settings, board: board, logger: logger)
        // What is measured differs from run to run, and so would the lists.
        if !settings.learning.isReproducible { restored.measure(with: WallClock.nanoseconds) }
        do throws(StreamingError) {
            let kafka = KafkaConfiguration(settings)
            let wakeup = try Wakeup()
            queries.ring(wakeup)
            consumer = try Consumer(kafka, topics: [settings.topics.events], wakeup: wakeup)
            reader = settings.topics.sessions == nil ? nil : try Consumer(kafka, topics: [])
            let topics = [settings.topics.recommendations, settings.topics.deadLetters]
                + (settings.topics.sessions.map { [$0] } ?? [])
            makeProducer = { () throws(StreamingError) in try Producer(kafka, topics: topics, wakeup: wakeup) }
            producer = try makeProducer()
        } catch { throw .streaming(error) }
        guard let decoder = EventDecoder(fields: settings.topics.eventsFields, limits: settings.events) else {
            throw .decoder
        }
        self.settings = settings
        redaction = Redaction(settings.kafka.properties)
        self.board = board
        self.queries = queries
        self.logger = logger
        writer = CheckpointWriter(
            store, keeper: GenerationKeeper(store, interval: settings.state.previousInterval), logger: logger)
        loop = DeliveryLoop(
            DeliveryConfiguration(settings), engine: restored, decoder: decoder, consumer: consumer, reader: reader,
            producer: producer, store: writer, time: time, makeProducer: makeProducer)
        do throws(StateStoreError) {
            loop.marks = PartitionMarks.decode(try store.blobs()[PartitionMarks.name])
            loop.relearnFrom = try store.unlearned()
        } catch {
            // A start without it is what a start was before there was such a file; a recovery refuses it.
            logger.error("\(error)")
        }
        board.with { $0.isRestored = true }
    }

    /// The engine of the stored state, or a new one. Its progress counts as life, for systemd and for `/livez`.
    private static func engine(
        from store: StateStore, _ settings: Settings, board: Board, logger: Logger
    ) throws(DaemonError) -> Engine {
        let configuration = EngineConfiguration(settings)
        let restored = try Restoring.engine(from: store, configuration) { rows in
            SystemdNotifier.restoring(rows: rows)
            board.with { $0.heartbeat = ContinuousClock.now }
        }
        if let restored {
            logger.info(
                "restored",
                metadata: [
                    "items": "\(restored.itemCount)", "users": "\(restored.userCount)",
                    "model_version": "\(restored.modelVersion)",
                ])
            return restored
        }
        logger.info("starting without stored state", metadata: ["directory": "\(store.directory)"])
        do throws(EngineError) { return try Engine(configuration) } catch { throw .engine(error) }
    }

    /// Runs until the board says stop, then drains.
    mutating func run() throws(DaemonError) {
        SystemdNotifier.ready()
        while !board.with({ $0.isStopping }) {
            takeOverSettings()
            try answerQueries()
            try deliver { loop throws(DeliveryError) in try loop.turn() }
            reportIfDue()
        }
        SystemdNotifier.stopping()
        logger.info("draining")
        try deliver { loop throws(DeliveryError) in try loop.drain() }
        queries.close()
        writer.close()
        logRefusals(publishReport(), isLast: true)
        logger.info("stopped", metadata: ["model_version": "\(loop.engine.modelVersion)"])
    }

    /// Runs a part of the loop, and logs what happened in it, however it ended.
    private mutating func deliver(
        _ body: (inout DeliveryLoop<KafkaWorld>) throws(DeliveryError) -> Void
    ) throws(DaemonError) {
        var failure: DeliveryError?
        do throws(DeliveryError) { try body(&loop) } catch { failure = error }
        for notice in loop.takeNotices() { log(notice) }
        if let failure { throw DaemonError(failure).cleaned(by: redaction) }
    }

    private mutating func log(_ notice: DeliveryNotice) {
        switch notice {
        case .assigned, .released, .restoring:
            logger.info("\(redaction.clean("\(notice)"))")
        case .lost, .checkpointFailed, .endsEarly, .recreated, .wasCutOff:
            logger.error("\(redaction.clean("\(notice)"))")
        case .recordSkipped:
            // How many there are is said once a minute; one tells which and why.
            if isDue(notice) { logger.error("\(redaction.clean("\(notice)"))") }
        case .transientError, .transactionAborted, .transactionWaits, .producerReplaced, .rolledBack, .waitsForDisk:
            if isDue(notice) { logger.warning("\(redaction.clean("\(notice)"))") }
        }
    }

    /// Whether nothing of its kind was said lately.
    private mutating func isDue(_ notice: DeliveryNotice) -> Bool {
        let now = time.elapsed()
        guard quietUntil[notice.kind].map({ $0 < now }) ?? true else { return false }
        quietUntil[notice.kind] = now + Self.quietTime
        return true
    }

    private mutating func reportIfDue() {
        let now = time.elapsed()
        let (isConnected, count) = (loop.isConnected, loop.assignedPartitions.count)
        let waiting = loop.partitionsWaitingForDisk.map(\.description)
        board.with { contents in
            contents.heartbeat = ContinuousClock.now
            contents.isConnected = isConnected
            contents.assignedPartitions = count
            contents.waitingForDisk = waiting
        }
        if let lastReport, now - lastReport < Self.reportInterval { return }
        lastReport = now
        logRefusals(publishReport())
    }

    private mutating func logRefusals(_ report: StatusReport, isLast: Bool = false) {
        let now = time.elapsed()
        if let line = refusedRecords.line(report.deadLetters, now: now, isLast: isLast) {
            logger.warning("records that cannot be used went to \(settings.topics.deadLetters): \(line)")
        }
        if let line = undeliverableRecords.line(["records": report.undeliverable], now: now, isLast: isLast) {
            logger.error("the brokers refuse for good, given up: \(line)")
        }
    }
}
