public import Events
internal import Learning
internal import SequenceModels

/// Sessions that come and go with their partitions.
extension Engine {
    /// What is kept of `user`, as of now; nil where nothing is.
    ///
    /// - Parameter partition: where the user's events come from.
    public func keptSession(of user: UserID, from partition: TopicPartition) -> KeptSession? {
        guard let row = sessions.row(of: user), let next = watermarks[partition] else { return nil }
        let session = sessions[row]
        return KeptSession(
            user: user, events: kept(session.entries), purchased: kept(session.purchased), ids: keptIDs(of: user),
            newest: session.lastTimestamp, through: RecordSource(topicPartition: partition, offset: next - 1))
    }

    /// The newest ids of a user's events, as many as events are kept at most: also where the user is forgotten, for a
    /// second copy may come later than that.
    public func keptIDs(of user: UserID) -> [RecentID] {
        recentIDs.newest(of: user, countMax: sessions.lengthMax)
    }

    /// The sessions of a partition are about to come from another instance: what is known of its users is theirs.
    ///
    /// - Parameter partitionCount: among so many the room for ids is shared. What comes with this one pushes no more
    ///   than its share out of those that are served meanwhile.
    public mutating func beginAdopting(_ partition: TopicPartition, among partitionCount: Int) {
        release(partition)
        let share = configuration.recentIDsMax / max(1, partitionCount)
        arrivingIDs[partition] = RecentIDs(capacity: min(configuration.recentIDsMax, max(1, share)))
    }

    /// The sessions that were to come will not: the partition is gone.
    public mutating func abandonAdopting(_ partition: TopicPartition) {
        arrivingIDs[partition] = nil
    }

    /// Takes over ids that another instance kept of a user.
    public mutating func adopt(_ ids: [RecentID], of user: UserID, from partition: TopicPartition) {
        for id in ids {
            if arrivingIDs[partition] == nil { recentIDs.insert(id, of: user) }
            arrivingIDs[partition]?.insert(id, of: user)
        }
    }

    /// Takes over a session that another instance kept. Items that are new here get a row; nothing is learned
    /// and no quality counted. Its events are numbered as if they came now: who was active before whom, of the
    /// users and items that come this way, is known after a restart too.
    ///
    /// - Parameter next: where reading of its partition goes on: what the session has from there on will be
    ///   read again, and is told.
    public mutating func adopt(_ kept: KeptSession, readingFrom next: Int64) throws(EngineError) {
        if let row = sessions.rowToAdmit(kept.user) { preserve(userRow: row) }
        let (row, left) = sessions.admit(kept.user)
        discard(session: row)
        if let left { changes.removeUser(left) }
        sessions[row].ranking = []
        sessions[row].entries = try adopt(kept.events).suffix(sessions.lengthMax)
        sessions[row].purchased = try adopt(kept.purchased).suffix(sessions.lengthMax)
        sessions[row].lastTimestamp = kept.newest
        sessions[row].home = kept.through.topicPartition.partition
        // Two users are never equally old.
        sequence += 1
        sessions[row].lastActive = sequence
        changes.touchUser(row: row)
        adopt(kept.ids, of: kept.user, from: kept.through.topicPartition)
        if kept.through.offset >= next { adopted.insert(kept.user, through: kept.through) } else { adopted.remove(kept.user) }
    }

    /// Learns an event that an adopted session has already: whoever wrote it there has perhaps learned it, this model
    /// has not. It is the newest event of the session that it can be; where it is there no more it only counts.
    mutating func stageAdopted(_ event: Event) throws(EngineError) {
        guard let row = sessions.row(of: event.user) else { return }
        preserveRows(for: event)
        _ = sessions.admit(event.user)
        let entries = sessions[row].entries
        let place = entries.lastIndex { entry in
            catalog.holds(entry.item, since: entry.sequence) && catalog.id(of: entry.item) == event.item
                && types.word(of: entry.type) == event.type
        }
        var window = place.map { self.window(of: entries[...$0].suffix(windowMax)) } ?? []
        let before = window.dropLast().map(\.item)
        let item = try admit(event.item, after: [])
        sequence += 1
        for earlier in before.suffix(Yardsticks.rulesStepsMax) { touch(item: earlier) }
        yardsticks.observe(item, after: before, session: row, at: sequence)
        for member in members { member.learner.observe(item) }
        sessions[row].lastActive = sequence
        changes.touchUser(row: row)
        changes.touchItem(item)
        let weight = configuration.eventWeights[event.type] ?? 1
        guard weight > 0, !before.isEmpty, let last = window.indices.last else { return }
        window[last].value = SessionEvent.value(event.value)
        staged.append(window, weight: weight)
    }

    /// Forgets a user who was adopted and is in the changelog no more.
    public mutating func disown(_ user: UserID) {
        forget(user)
        adopted.remove(user)
    }

    /// A partition went to another instance: its users are that one's, and this state covers it no more.
    public mutating func release(_ partition: TopicPartition) {
        watermarks[partition] = nil
        arrivingIDs[partition] = nil
        for row in 0..<sessions.rowCount where sessions[row].home == partition.partition {
            let user = sessions[row].user
            guard sessions.row(of: user) == row else { continue }
            forget(user)
            adopted.remove(user)
        }
    }

    /// A partition is covered from here on, up to `next`: its sessions are restored.
    public mutating func cover(_ partition: TopicPartition, next: Int64) {
        watermarks[partition] = max(next, watermarks[partition] ?? 0)
        if let arrived = arrivingIDs.removeValue(forKey: partition) { recentIDs.insert(all: arrived) }
    }

    /// A partition's offsets count from elsewhere: its topic is another of the same name, or has lost its end. What was
    /// learned stays.
    ///
    /// - Parameter next: the next offset to learn from; may be below what was learned.
    public mutating func restart(_ partition: TopicPartition, at next: Int64) {
        watermarks[partition] = next
        arrivingIDs[partition] = nil
        adopted.removeAll(of: partition)
    }

    private func kept(_ entries: [Session.Entry]) -> [KeptSession.Entry] {
        entries.compactMap { entry -> KeptSession.Entry? in
            guard catalog.holds(entry.item, since: entry.sequence) else { return nil }
            return KeptSession.Entry(item: catalog.id(of: entry.item), type: types.word(of: entry.type), gap: entry.gap)
        }
    }

    private mutating func adopt(_ entries: [KeptSession.Entry]) throws(EngineError) -> [Session.Entry] {
        var taken: [Session.Entry] = []
        for entry in entries {
            if let item = catalog.rowToAdmit(entry.item) { preserve(item: item) }
            let item = try admit(entry.item, after: [])
            sequence += 1
            changes.touchItem(item)
            taken.append(
                Session.Entry(
                    item: item, sequence: UInt32(truncatingIfNeeded: sequence), type: types.admit(entry.type),
                    gap: min(entry.gap, UInt8(SessionEvent.gapsMax - 1))))
        }
        return taken
    }
}
