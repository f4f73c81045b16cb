public import SequenceModels

/// What a checkpoint keeps of the neighbours: of each item the sessions that touched it, of each session its
/// items.
extension SessionNeighbors {
    /// Rows that ever had a session: the weight of a rare item depends on it.
    public var sessionCount: Int { sessions.count }

    /// The sessions that touched an item, oldest first; some may be gone since.
    public func postings(of item: ItemIndex) -> [Posting] { Int(item) < postings.count ? postings[Int(item)] : [] }

    /// Whether the session that touched an item is still there.
    public func isPresent(_ posting: Posting) -> Bool {
        sessions.indices.contains(Int(posting.session)) && sessions[Int(posting.session)].generation == posting.generation
    }

    /// Forgets that sessions touched items which are gone: nothing that is asked depends on them.
    public mutating func removeAbsent() {
        for item in postings.indices {
            let present = postings[item].filter(isPresent)
            if present.count < postings[item].count { postings[item] = present }
        }
    }

    /// How many sessions have ever touched an item.
    public func occurrences(of item: ItemIndex) -> UInt32 {
        Int(item) < occurrences.count ? occurrences[Int(item)] : 0
    }

    /// What is remembered of a session: when it began, and its items in order; nil where nothing is.
    public func kept(ofSession row: Int) -> (generation: UInt32, items: [ItemIndex])? {
        guard row < sessions.count, sessions[row].generation != 0 else { return nil }
        return (sessions[row].generation, sessions[row].items)
    }

    /// Goes on from what a checkpoint kept of a session.
    public mutating func restore(session: Int, generation: UInt32, items: [ItemIndex], newest: UInt64) {
        while sessions.count <= session { sessions.append(Kept()) }
        sessions[session] = Kept(items: Array(items.suffix(lengthMax)), generation: generation, newest: newest)
    }

    /// Goes on from what a checkpoint kept of an item. Nothing may be asked before ``finishRestoring(sessionCount:)``.
    public mutating func restore(item: ItemIndex, occurrences count: UInt32, postings kept: [Posting]) {
        while postings.count <= Int(item) {
            postings.append([])
            occurrences.append(0)
        }
        occurrences[Int(item)] = count
        postings[Int(item)] = Array(kept.suffix(Self.postingsMax))
    }

    /// Ends the restoring, with all sessions there.
    public mutating func finishRestoring(sessionCount: Int) {
        while sessions.count < sessionCount { sessions.append(Kept()) }
        // Some were written before their session was gone: whoever has its row now began later.
        removeAbsent()
    }
}
