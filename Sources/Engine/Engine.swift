public import Events
public import Learning
internal import SequenceModels
public import Serving
internal import Tensors

/// The state machine of the product: events in, lists out, and a model that has learned from them.
///
/// `answer` stages the events of a batch and makes the lists, so that they can leave at once; `learn`, or some
/// calls of `learnStep` with other batches in between, then trains on what was staged and requantizes the rows that
/// changed. A list is thus always made before its model has seen what comes next, and live quality is
/// test-then-train.
///
/// The engine does no I/O, reads no clock and draws no chance of its own: the same inputs in the same
/// order leave the same state.
public struct Engine: ~Copyable {
    var configuration: EngineConfiguration
    var sessions: SessionTable
    var catalog: ItemCatalog
    /// The neural models, in the order of the configuration.
    let members: [NeuralMember]
    /// Events that are read of a session at most: what the longest encoder reads, and its target.
    public let windowMax: Int
    let workers: Workers
    /// One a member.
    var guards: [QualityGuard]
    /// How often each model went back to its last good parameters, and why, since the start of this process.
    public internal(set) var rollbacks: [String: [RollbackReason: UInt64]] = [:]
    var newRollbacks: [Rollback] = []
    var types = EventTypes(default: Event.defaultType)
    var yardsticks: Yardsticks
    var blend = Blend()
    var pools = PoolMemory()
    /// One for each thread.
    let desks: [ListDesk]
    /// Empty between answers: its memory is used again and again.
    private var group = ListGroup()
    /// Lists that are done with: their memory is used for new ones.
    private(set) var spareLists: [[ScoredItem]] = []
    /// As many as a batch has; what is beyond goes back to the allocator.
    static let spareListsMax = 1024
    /// The last good point of each member that a checkpoint has.
    var writtenGoodPoints: [UInt32]
    /// Test-then-train quality over the newest lists, by model.
    public var quality: [String: PrequentialQuality] {
        Dictionary(uniqueKeysWithValues: scores.map { ($0.model, $0.newest) })
    }
    /// The same over every list since the start of this process.
    public var wholeQuality: [String: PrequentialQuality] {
        Dictionary(uniqueKeysWithValues: scores.map { ($0.model, $0.whole) })
    }
    var scores: [ModelScore] = []
    var recentIDs: RecentIDs
    /// Ids that came with sessions of partitions that are not covered yet.
    var arrivingIDs: [TopicPartition: RecentIDs] = [:]
    var adopted = AdoptedSessions()
    var changes: ChangeLog
    /// The checkpoint that is being copied.
    var capture: CheckpointCapture?
    var staged = StagedWindows()

    /// Events so far: learned from, or come with a session that was adopted.
    var sequence: UInt64 = 0
    /// For each partition, the next offset to learn from.
    var watermarks: [TopicPartition: Int64] = [:]

    /// Items that are scored in live quality, and kept a user for it.
    static let rankingMax = PrequentialQuality.rankMax

    public init(_ configuration: EngineConfiguration) throws(EngineError) {
        self.configuration = configuration
        let dimensions = configuration.learner.dimensions
        let excludedMax = 2 * configuration.sessionLengthMax
        sessions = SessionTable(capacity: configuration.usersMax, lengthMax: configuration.sessionLengthMax)
        changes = ChangeLog(removedMax: configuration.usersMax)
        catalog = ItemCatalog(capacity: configuration.learner.itemsMax)
        recentIDs = RecentIDs(capacity: configuration.recentIDsMax)
        workers = Workers(configuration.threads)
        var members: [NeuralMember] = []
        // With as many threads as models each has one; where there are more, they share what a model ranks.
        let shares = max(1, workers.count / max(1, configuration.neuralMembers.count))
        for kind in configuration.neuralMembers {
            members.append(
                try NeuralMember(configuration.learner(of: kind), index: configuration.index, candidatesMax: ListRules.countMax + excludedMax,
                    shares: shares, keepsKeysAndValues: configuration.keepsKeysAndValues))
        }
        self.members = members
        windowMax = (members.map(\.window).max() ?? 0) + 1
        guards = members.map { _ in QualityGuard(dropMax: configuration.qualityDropMax) }
        writtenGoodPoints = members.map { _ in 0 }
        desks = (0..<workers.count).map { _ in ListDesk(dimensions: dimensions) }
        yardsticks = Yardsticks(
            withNeighbors: configuration.measuresNeighbors || configuration.encoder == .ensemble
                ? configuration.sessionLengthMax : nil)
        for model in configuration.measuredModels {
            scores.append(ModelScore(model, window: configuration.qualityWindow))
        }
    }

    /// Stages a batch and makes its lists, one answer an input, in order.
    ///
    /// An input below its partition's watermark was learned before a crash: it changes nothing, and
    /// is answered from the newest state where its answer may not have gone out. An event whose id is known
    /// from another place is a repetition: it changes nothing, and the list of the first one stands.
    public mutating func answer(_ inputs: [EngineInput], now: Timestamp) throws(EngineError) -> [EngineAnswer] {
        var answers: [EngineAnswer] = []
        try answer(inputs, now: now, into: &answers)
        return answers
    }

    /// The same in memory that is used again and again.
    ///
    /// - Parameter answers: of an earlier batch; they become those of this one. Lists that nobody else holds lend their
    ///   memory to the new ones.
    public mutating func answer(
        _ inputs: [EngineInput], now: Timestamp, into answers: inout [EngineAnswer]
    ) throws(EngineError) {
        takeBack(&answers)
        answers.reserveCapacity(inputs.count)
        var group = ListGroup()
        swap(&group, &self.group)
        defer { swap(&group, &self.group) }
        for input in inputs {
            let isNew = input.source.offset >= watermarks[input.source.topicPartition, default: 0]
            if isNew { watermarks[input.source.topicPartition] = input.source.offset + 1 }
            switch input.content {
            case .event(let event):
                if let id = event.id, recentIDs.isRepetition(id, of: event.user, at: input.source) {
                    answers.append(.repetition(source: input.source))
                    continue
                }
                // What an adopted session has already is answered and learned, and taken in no more.
                let isTaken = isNew && !adopted.has(event.user, at: input.source)
                if isNew, let id = event.id { recentIDs.insert(id, of: event.user, at: input.source) }
                if isTaken {
                    if mustRank(group, before: event) { try rank(&group, into: &answers, now: now) }
                    try stage(event, from: input.source.topicPartition)
                } else if isNew {
                    try stageAdopted(event)
                }
                answers.append(.none(source: input.source))
                guard input.wantsAnswer || (isTaken && input.isAlwaysRanked) else { continue }
                guard let row = sessions.row(of: event.user) else {
                    // Read again after a crash, and the user has left since: the answer is still owed.
                    if input.wantsAnswer {
                        answers[answers.count - 1] = .list(
                            popularList(
                                event.user, count: configuration.rules.count, asOf: event.timestamp, now: now,
                                source: input.source))
                    }
                    continue
                }
                if group.isFull { try rank(&group, into: &answers, now: now) }
                add(row: row, asOf: event.timestamp, input, isNew: isTaken, place: answers.count - 1, to: &group)
            case .forget(let user):
                try rank(&group, into: &answers, now: now)
                // A session that was read back as it was later has been forgotten already.
                if isNew, !adopted.has(user, at: input.source) { forget(user) }
                changes.noteForgotten()
                answers.append(input.wantsAnswer ? .tombstone(user, source: input.source) : .none(source: input.source))
            }
        }
        try rank(&group, into: &answers, now: now)
    }

    private mutating func takeBack(_ answers: inout [EngineAnswer]) {
        while let answer = answers.popLast() {
            if case .list(let list) = answer, spareLists.count < Self.spareListsMax { spareLists.append(list.items) }
        }
    }

    /// Gives each desk the memory of as many lists as it is going to publish.
    mutating func dealSpareLists(_ group: ListGroup, shares: Int) {
        for (slot, member) in group.members.enumerated() where member.isPublished {
            guard let list = spareLists.popLast() else { return }
            desks[slot % shares].lists.append(list)
        }
    }

    /// Passes over a record that cannot be used, so that a restart does not read it again.
    public mutating func skip(_ source: RecordSource) {
        let next = watermarks[source.topicPartition, default: 0]
        watermarks[source.topicPartition] = max(next, source.offset + 1)
    }

    /// Erases a user's session and history.
    ///
    /// - Returns: whether the user was known.
    @discardableResult
    public mutating func forget(_ user: UserID) -> Bool {
        if let row = sessions.row(of: user) { preserve(userRow: row) }
        guard let row = sessions.remove(user) else { return false }
        discard(session: row)
        changes.removeUser(user)
        return true
    }

    /// Leaves nothing of what the models know of a session that is gone.
    mutating func discard(session row: Int) {
        yardsticks.remove(session: row)
        pools.discard(row: row)
        for member in members { member.forget(session: row) }
    }

    /// Hands in a stopwatch, with which the cheaper way to find lists is chosen. Without one lists are exact
    /// unless the configuration says otherwise.
    public func measure(with stopwatch: @escaping Stopwatch) {
        for member in members { member.measure(with: stopwatch) }
    }

    /// What may change while running.
    public mutating func update(rules: ListRules, rate: Float, denseRate: Float, replayRatio: Int) {
        configuration.rules = rules
        configuration.learner.replayRatio = replayRatio
        for member in members {
            member.learner.configuration.rate = rate
            member.learner.configuration.denseRate = denseRate
        }
    }

    /// The configuration as it is now.
    public var currentConfiguration: EngineConfiguration { configuration }

    /// The next offset to learn from, for each partition that was ever read.
    public var nextOffsets: [TopicPartition: Int64] { watermarks }
}

extension Engine {
    /// Takes one event into its session, the catalogue and the yardsticks, and keeps the window that
    /// ends in it for `learn`.
    private mutating func stage(_ event: Event, from partition: TopicPartition) throws(EngineError) {
        preserveRows(for: event)
        let (row, left) = sessions.admit(event.user)
        if let left {
            changes.removeUser(left)
            discard(session: row)
        }

        let desk = desks[0]
        readWindow(ofRow: row, into: &desk.events)
        desk.takeItems(of: desk.events)
        let target = catalog.row(of: event.item)
        let hasPool = pools.take(row: row, into: &desk.earlierPool)
        try scoreEarlierList(row: row, pool: hasPool ? desk.earlierPool : nil, target: target, desk)
        if hasPool { learnBlend(desk.earlierPool, target: target) }

        let item = try admit(event.item, after: desk.events)
        sequence += 1
        for earlier in desk.items.suffix(Yardsticks.rulesStepsMax) { touch(item: earlier) }
        yardsticks.observe(item, after: desk.items, session: row, at: sequence)
        for member in members { member.learner.observe(item) }

        let entry = Session.Entry(
            item: item, sequence: UInt32(truncatingIfNeeded: sequence), type: types.admit(event.type),
            gap: sessions[row].gap(to: event.timestamp))
        sessions[row].lastTimestamp = event.timestamp
        sessions[row].home = partition.partition
        sessions[row].append(entry, lengthMax: sessions.lengthMax)
        if configuration.purchaseTypes.contains(event.type) {
            sessions[row].appendPurchase(entry, lengthMax: sessions.lengthMax)
        }
        sessions[row].lastActive = sequence
        changes.touchUser(row: row)
        changes.touchItem(item)

        let weight = configuration.eventWeights[event.type] ?? 1
        if weight > 0, !desk.items.isEmpty {
            readWindow(ofRow: row, into: &desk.events)
            if let last = desk.events.indices.last { desk.events[last].value = SessionEvent.value(event.value) }
            staged.append(desk.events, weight: weight)
        }
    }

    /// Finds the item's row; a new item gets one and can be served at once.
    mutating func admit(_ id: ItemID, after session: [SessionEvent]) throws(EngineError) -> ItemIndex {
        switch catalog.admit(id, at: sequence + 1) {
        case .known(let item):
            return item
        case .added(let item):
            for member in members { try member.addItem(item, after: session) }
            return item
        case .replaced(let item):
            for row in yardsticks.sessions(of: item) { touch(userRow: row) }
            yardsticks.remove(item)
            for member in members { try member.addItem(item, after: session) }
            return item
        }
    }

    /// The newest events of a session whose items still stand for what they were, oldest first.
    func readWindow(ofRow row: Int, into window: inout [SessionEvent]) {
        read(sessions[row].entries.suffix(windowMax), into: &window)
    }

    func window(of entries: ArraySlice<Session.Entry>) -> [SessionEvent] {
        var window: [SessionEvent] = []
        window.reserveCapacity(entries.count)
        read(entries, into: &window)
        return window
    }

    /// The same in memory that is used again and again.
    func read(_ entries: ArraySlice<Session.Entry>, into window: inout [SessionEvent]) {
        window.removeAll(keepingCapacity: true)
        for entry in entries where catalog.holds(entry.item, since: entry.sequence) {
            window.append(SessionEvent(item: entry.item, type: entry.type, gap: entry.gap))
        }
    }
}
