internal import Engine
internal import Events
internal import Streaming

/// The changelog of sessions: one record for each user that changed, with the lists that the change caused,
/// in the same transaction where there are any; read back before a partition is served that this state does
/// not cover. So a user's history survives a rebalance and a lost disk.
///
/// A session goes into the partition of the changelog that has the number of the one its events come from,
/// whatever hash put them there. What this state covers is in its offsets: a partition that was handed over in
/// order is covered no more, one that was lost is until somebody else has gone on beyond it.
///
/// Each record says how far it goes in its partition of events. An owner that was expelled and does not know it yet
/// may write after its successor: what goes less far than what was read back already is passed over.
///
/// With a session go the newest ids of its user's events, with a tombstone too: a second copy is one whoever owns the
/// partition when it comes.
extension DeliveryLoop {
    private static var restoringMax: Int { 1000 }
    /// A tombstone has no value to say how far it goes, nor which ids the user's events had.
    private static var throughHeader: String { "freshet.through" }
    private static var idsHeader: String { "freshet.ids" }

    /// A user in one partition: who sends events through two has two records, the newer one counts.
    private struct Owner: Hashable {
        var user: UserID
        var partition: TopicPartition
    }

    /// Posts the sessions that a batch changed. Each holds back the offset of its user's first event here: a
    /// commit never runs ahead of the changelog.
    mutating func postSessions(_ inputs: [EngineInput], _ answers: [EngineAnswer], polled: Duration) {
        guard let topic = configuration.sessionsTopic, let count = changelogPartitions else { return }
        var owners: [Owner] = []
        var firsts: [Owner: RecordSource] = [:]
        for (input, answer) in zip(inputs, answers) where wantsAnswer(input.source) {
            if case .repetition = answer { continue }
            let user =
                switch input.content {
                case .event(let event): event.user
                case .forget(let user): user
                }
            let owner = Owner(user: user, partition: input.source.topicPartition)
            guard firsts[owner] == nil else { continue }
            firsts[owner] = input.source
            owners.append(owner)
        }
        for owner in owners {
            guard let source = firsts[owner] else { continue }
            let session = engine.keptSession(of: owner.user, from: owner.partition)
            var record = OutgoingRecord(
                topic: topic, key: Array(owner.user.text.utf8), value: session.map { RecordEncoder.encode($0) })
            record.partition = owner.partition.partition % Int32(count)
            if session == nil, let next = engine.nextOffsets[owner.partition] {
                let through = RecordSource(topicPartition: owner.partition, offset: next - 1)
                record.headers = [KafkaHeader(name: Self.throughHeader, text: through.headerText)]
                let ids = engine.keptIDs(of: owner.user)
                if !ids.isEmpty { record.headers.append(KafkaHeader(name: Self.idsHeader, value: RecentID.bytes(of: ids))) }
            }
            partitions.extend(source)
            outbox.add(PendingRecord(record: record, source: source, polled: polled, isList: false))
        }
    }

    /// Learns how many partitions the changelog has.
    mutating func findChangelog() throws(StreamingError) {
        guard let topic = configuration.sessionsTopic, changelogPartitions == nil, let reader else { return }
        let count = try reader.partitionCount(of: topic, timeout: WaitLimits.question)
        guard count > 0 else { throw .kafka(name: "the topic \(topic) does not exist", detail: "", recovery: .retry) }
        changelogPartitions = count
    }

    /// Whether the sessions of a partition must come from the changelog.
    func needsSessions(_ partition: TopicPartition, committed: Int64) -> Bool {
        guard configuration.sessionsTopic != nil, reader != nil, partitions.awaiting(partition)?.hasSessions == false else { return false }
        guard let learned = engine.nextOffsets[partition] else { return true }
        guard let known = departed[partition] else { return false }
        return committed > max(learned, known)
    }

    mutating func startRestoring(_ partition: TopicPartition, committed: Int64) throws(StreamingError) {
        guard let topic = configuration.sessionsTopic, let count = changelogPartitions, let reader else { return }
        let changelog = TopicPartition(topic: topic, partition: partition.partition % Int32(count))
        let range = try reader.offsetRange(of: changelog, timeout: WaitLimits.question)
        // From the beginning, also where another partition is being restored from the same part.
        if restoring.waiting[changelog] != nil { try reader.unassign([changelog]) }
        try reader.assign([changelog: range.lowerBound])
        engine.beginAdopting(partition, among: partitions.all.count)
        let next = min(committed, relearnFrom[partition] ?? committed)
        restoring.begin(changelog, .init(partition: partition, next: next, end: range.upperBound))
        partitions.beginRestoring(partition)
        notice(.restoring(partition))
    }

    /// Reads on in the changelog, and starts the partitions whose sessions are complete.
    mutating func continueRestoring() throws(DeliveryError) {
        guard !restoring.isEmpty, let reader else { return }
        var events: [ConsumerEvent] = []
        reader.poll(into: &events, eventsMax: Self.restoringMax, timeout: .milliseconds(20))
        for event in events {
            switch event {
            case .record(let record): try restore(record)
            case .endOfPartition(let changelog, let offset): try finishRestoring(changelog, at: offset)
            case .failure(let error): try handle(error)
            default: continue
            }
        }
    }

    private mutating func restore(_ record: KafkaRecord) throws(DeliveryError) {
        let changelog = record.source.topicPartition
        guard let value = record.value else { return forget(record) }
        // What is no session was not written by this program: it is nobody's loss to pass it over.
        guard let session = KeptSession(json: value),
            let waiting = restoring.wait(for: session.through.topicPartition, in: changelog),
            restoring.adopt(session.user, through: session.through, in: changelog)
        else { return }
        try engineCall { engine throws(EngineError) in try engine.adopt(session, readingFrom: waiting.next) }
        figures.restoredSessions += 1
    }

    /// A tombstone of the changelog: the user is forgotten.
    private mutating func forget(_ record: KafkaRecord) {
        guard let key = record.key, let text = String(validating: key, as: UTF8.self), let user = UserID(text) else { return }
        let through = record.headers.last { $0.name == Self.throughHeader }?.value.flatMap(RecordSource.init(header:))
        if let through, restoring.wait(for: through.topicPartition, in: record.source.topicPartition) != nil,
            let ids = record.headers.last(where: { $0.name == Self.idsHeader })?.value.flatMap(RecentID.ids)
        {
            engine.adopt(ids, of: user, from: through.topicPartition)
        }
        // Only what came from here: another partition's user may share this part of the changelog.
        if restoring.forget(user, through: through, in: record.source.topicPartition) { engine.disown(user) }
    }

    private mutating func finishRestoring(_ changelog: TopicPartition, at offset: Int64) throws(DeliveryError) {
        let withUsers = Set(
            (restoring.waiting[changelog] ?? []).map(\.partition).filter { restoring.hasUsers(of: $0, in: changelog) })
        let finished = restoring.finish(changelog, at: offset)
        for waiting in finished {
            let hasUsers = withUsers.contains(waiting.partition)
            partitions.finishRestoring(waiting.partition, hasUsers ? .withSessions(waiting.next) : .alone(waiting.next))
            engine.cover(waiting.partition, next: waiting.next)
            relearnFrom[waiting.partition] = nil
            marks[waiting.partition] = nil
        }
        // As with any other partition: a crash must not go on from what the group commits from here on. Where it cannot
        // be written, the partition waits.
        if !finished.isEmpty { try checkpointNow() }
        guard restoring.waiting[changelog] == nil else { return }
        do throws(StreamingError) { try reader?.unassign([changelog]) } catch { try handle(error) }
    }

    /// Restoring that is in vain: the partitions are gone.
    mutating func stopRestoring(_ partitions: [TopicPartition]) {
        for partition in partitions { engine.abandonAdopting(partition) }
        let idle = restoring.remove(partitions)
        guard !idle.isEmpty else { return }
        do throws(StreamingError) { try reader?.unassign(idle) } catch { notice(.transientError(error)) }
    }

    /// A partition is another instance's now. Where all that was learned of it is committed, and all that is
    /// committed was learned, nothing of it stays; else a gap was still being read again, and what is known of the
    /// partition is kept for when it comes back.
    ///
    /// - Parameter isFlushed: whether all that was read of it is committed.
    mutating func handOver(_ partition: TopicPartition, isFlushed: Bool) {
        // One that was not read yet is as the state has it.
        guard let reading = partitions.reading(partition) else { return }
        if let mark = reading.newest { marks[partition] = mark }
        guard configuration.sessionsTopic != nil else { return }
        let committed = reading.offsets.committedOffset
        if isFlushed, engine.nextOffsets[partition] == committed {
            engine.release(partition)
            marks[partition] = nil
        } else {
            departed[partition] = committed
        }
    }
}
