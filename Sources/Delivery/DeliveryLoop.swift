public import Engine
public import Events
public import Streaming

/// From records to lists to commits: the code that keeps the promises of delivery, between an engine and
/// a world that fails.
///
/// How to drive it: make one with an engine (new, or restored from the store), then call `turn` for ever.
/// A turn polls a batch, answers it, sends, collects acknowledgements, commits and checkpoints what is
/// due, and learns a step; every wait in it is bounded, and time is what `TimeSource` says. After each turn take `notices`.
/// `drain` ends it in order; dropping it is a crash, and what a restart does about it is the point.
///
/// Nothing is decided outside of `turn` and `drain`, and nothing asks for chance: the same world makes the
/// same turns.
///
/// What it keeps true:
/// - An event is learned by the engine's own watermark, once; its list is kept in the outbox until the
///   brokers have it, committed where there are transactions. An aborted transaction sends the same lists
///   again: nothing is read twice for it.
/// - Offsets are committed up to the first record that waits for its list.
/// - A partition is read from the older of what the state has learned and what the group has committed.
/// - With a changelog, a partition that this state does not cover is served only once its users' sessions
///   are read back.
public struct DeliveryLoop<World: DeliveryWorld>: ~Copyable {
    /// The state machine; between turns anybody may ask it.
    public var engine: Engine
    public var configuration: DeliveryConfiguration
    /// What happened since they were taken; the oldest are dropped beyond `noticesMax`.
    public private(set) var notices: [DeliveryNotice] = []

    var decoder: EventDecoder
    let consumer: World.Consumer
    /// Reads the changelog; nil where there is none.
    let reader: World.Reader?
    var producer: World.Producer
    /// Makes a producer in the place of one that has failed for good.
    let makeProducer: () throws(StreamingError) -> World.Producer
    var replacements = ProducerReplacements()
    let store: World.Store
    let time: World.Time

    var publishing: Publishing<World.Producer>
    /// What the group has given, each partition in its phase.
    var partitions = PartitionTable()
    var outbox = Outbox()
    var throttle = ListThrottle()
    var figures: StreamFigures
    /// From where partitions are to be learned once their sessions are back: the backup that the state was
    /// recovered to is from before they came.
    public var relearnFrom: [TopicPartition: Int64] = [:]
    /// Of partitions that were read before, in this life or another, the newest record: to be recognized by.
    public var marks: [TopicPartition: PartitionMark] = [:]
    /// Partitions that went in this life before all was in order, and what the group had committed of each: where it
    /// has more when they come back, another instance has gone on with them.
    var departed: [TopicPartition: Int64] = [:]
    /// Which partitions wait for which part of the changelog.
    var restoring = Restoration()
    /// Partitions of the changelog, once they are known.
    var changelogPartitions: Int?
    /// When to try again to start partitions.
    var startRetryAt = Duration.zero
    /// Whether reading pauses because the outbox is full.
    var isPaused = false
    /// Whether any partition was ever read in this life.
    var hasRead = false
    /// Whether the group waits to hear that partitions were let go, and which.
    var owesRelease = false
    var owedRelease: [TopicPartition] = []
    /// Whether any broker was reached, by the client's last word.
    public internal(set) var isConnected = false
    /// When the newest transaction began.
    var transactionBegan = Duration.zero
    private var events: [ConsumerEvent] = []
    /// Of the newest batch: their memory is used again and again.
    var answers: [EngineAnswer] = []
    var reports: [DeliveryReport] = []

    /// Notices kept for whoever takes them.
    private static var noticesMax: Int { 1000 }

    /// - Parameters:
    ///   - reader: outside of any group, not read from yet; needed where there is a sessions topic.
    ///   - makeProducer: makes another producer in the place of one that has failed for good.
    public init(
        _ configuration: DeliveryConfiguration, engine: consuming Engine, decoder: consuming EventDecoder,
        consumer: World.Consumer, reader: World.Reader?, producer: World.Producer, store: World.Store, time: World.Time,
        makeProducer: @escaping () throws(StreamingError) -> World.Producer
    ) {
        self.configuration = configuration
        self.engine = engine
        self.decoder = decoder
        self.consumer = consumer
        self.reader = reader
        self.makeProducer = makeProducer
        self.producer = producer
        self.store = store
        self.time = time
        publishing = configuration.guarantee == .exactlyOnce ? .initializing(unresolved: nil) : .nonTransactional
        figures = StreamFigures(now: time.elapsed())
    }

    /// One turn. Every wait in it is bounded.
    public mutating func turn() throws(DeliveryError) {
        events.removeAll(keepingCapacity: true)
        try answerRelease()
        try pauseOrResume()
        consumer.poll(into: &events, eventsMax: configuration.batchMax, timeout: pollTimeout)
        let arrived = events
        // What came back meanwhile does not wait for the lists of what has come in.
        if outbox.inFlight > 0 { try collectDeliveries(timeout: .zero) }
        try handle(arrived)
        try answerDeferred(interval: configuration.listInterval)
        try sendWaiting()
        try collectDeliveries(timeout: outbox.count < configuration.inFlightMax ? .zero : .milliseconds(5))
        if publishing.isTransactional {
            try advanceTransaction(isPausing: arrived.isEmpty)
        } else if figures.isCommitDue(time.elapsed(), interval: configuration.commitInterval) {
            try commit(within: nil)
        }
        try endVerifications()
        try returnToRange()
        try startAwaiting()
        try continueRestoring()
        try checkpointIfDue(isIdle: arrived.isEmpty && outbox.count == 0)
        try learnSome(isBehind: arrived.count >= configuration.batchMax)
    }

    /// With events to learn nothing is waited for, and with records under way their acknowledgements are looked for
    /// every millisecond, where they do not end the wait themselves.
    private var pollTimeout: Duration {
        if isPaused || engine.unlearnedCount > 0 { return .zero }
        return outbox.count > 0 ? .milliseconds(1) : .milliseconds(20)
    }

    /// The partitions that are read.
    public var assignedPartitions: [TopicPartition] { partitions.assigned }

    /// Partitions that are ours and not read, for where reading begins cannot be written down: the disk is full.
    public var partitionsWaitingForDisk: [TopicPartition] { partitions.waitingForDisk }

    /// Stops reading, writes the last checkpoint, then delivers and commits what is under way, as far as the brokers
    /// let it within `WaitLimits.drain`. Nothing can be done after.
    ///
    /// The checkpoint comes first: it needs no broker. What is not committed after it is answered again by the next
    /// start, and not learned again.
    public mutating func drain() throws(DeliveryError) {
        try answerAllDeferred()
        let failure = try checkpointNow()
        try flush(within: WaitLimits.drain)
        consumer.close(timeout: WaitLimits.close)
        if let failure { throw .state(failure) }
    }

    /// Records on their way to Kafka.
    public var waitingCount: Int { outbox.count }

    /// Whether a checkpoint is being copied or written.
    public var isCheckpointing: Bool { figures.isCheckpointing }

    /// Hands over what happened.
    public mutating func takeNotices() -> [DeliveryNotice] {
        let taken = notices
        notices.removeAll(keepingCapacity: true)
        return taken
    }

    mutating func notice(_ notice: DeliveryNotice) {
        if notices.count >= Self.noticesMax { notices.removeFirst(Self.noticesMax / 2) }
        notices.append(notice)
    }

    /// Delivers and commits what is under way, as far as it goes.
    ///
    /// - Returns: whether nothing is left.
    @discardableResult
    mutating func flush(within limit: Duration) throws(DeliveryError) -> Bool {
        let deadline = time.elapsed() + limit
        try answerAllDeferred()
        while isUnflushed, time.elapsed() < deadline {
            try sendWaiting()
            try collectDeliveries(timeout: outbox.inFlight > 0 ? .milliseconds(20) : .milliseconds(1))
            if publishing.isTransactional { try advanceTransaction(isPausing: true) }
        }
        if !publishing.isTransactional { try commit(within: max(.milliseconds(100), deadline - time.elapsed())) }
        return !isUnflushed && !partitions.hasCommittable
    }

    /// There is no later: what waits for its interval goes out.
    private mutating func answerAllDeferred() throws(DeliveryError) {
        while throttle.count > 0 { try answerDeferred(interval: .zero) }
    }

    private var isUnflushed: Bool {
        outbox.count > 0 || publishing.isUnderWay || (publishing.isTransactional && partitions.hasCommittable)
    }

    mutating func engineCall<Value>(
        _ body: (inout Engine) throws(EngineError) -> Value
    ) throws(DeliveryError) -> Value {
        do throws(EngineError) { return try body(&engine) } catch { throw .engine(error) }
    }
}
