internal import Foundation
public import SequenceModels
internal import Tensors

/// What the sessions most like this one went on with: k nearest neighbours over sessions, kept up to date
/// with every event (V-SkNN, Ludewig and Jannach 2018; VMIS-kNN, Kersbergen, Sprangers and Schelter 2022).
///
/// A session is like another by the items they share, the newest of this one weighing most. Only the newest
/// sessions that touched an item are looked at, so that a query costs the same however long the stream is.
/// Memory is bounded: an item remembers `postingsMax` sessions, a session `lengthMax` items.
public struct SessionNeighbors: Sendable {
    public struct Candidate: Equatable, Sendable {
        public var item: ItemIndex
        public var score: Float
    }

    /// A session that touched an item; the session is gone where its row's generation is another.
    public struct Posting: Equatable, Sendable {
        public var session: Int32
        public var generation: UInt32

        public init(session: Int32, generation: UInt32) {
            self.session = session
            self.generation = generation
        }
    }

    struct Kept: Sendable {
        /// Distinct, in the order in which they were first touched.
        var items: [ItemIndex] = []
        /// The count of the event with which it began, which tells it from the ones that had the row before;
        /// 0 where nobody has it.
        var generation: UInt32 = 0
        /// Event count of the newest event.
        var newest: UInt64 = 0
    }

    fileprivate struct Neighbor: Sendable {
        var session: Int32
        var similarity: Float
        /// How far from the end of this session the newest shared item stands, from 1.
        var distance: Int32
        var newest: UInt64
    }

    var postings: [[Posting]] = []
    /// For each item, the sessions that touched it.
    var occurrences: [UInt32] = []
    var sessions: [Kept] = []
    /// Newest items of a session that neighbours are sought with.
    public static let windowMax = 10
    /// Newest sessions of an item, and of a query.
    static let postingsMax = 500
    /// Neighbours whose items are scored.
    static let neighborsMax = 100

    public let lengthMax: Int

    /// - Parameter lengthMax: items that are remembered of a session.
    public init(lengthMax: Int) {
        self.lengthMax = lengthMax
    }

    /// A session touched an item.
    ///
    /// - Parameter sequence: the count of this event; grows.
    public mutating func observe(_ item: ItemIndex, session: Int, at sequence: UInt64) {
        while sessions.count <= session { sessions.append(Kept()) }
        while postings.count <= Int(item) {
            postings.append([])
            occurrences.append(0)
        }
        sessions[session].newest = sequence
        if sessions[session].generation == 0 { sessions[session].generation = max(1, UInt32(truncatingIfNeeded: sequence)) }
        guard !sessions[session].items.contains(item) else { return }
        if sessions[session].items.count == lengthMax { sessions[session].items.removeFirst() }
        sessions[session].items.append(item)
        occurrences[Int(item)] &+= 1
        makeRoom(for: item)
        postings[Int(item)].append(Posting(session: Int32(session), generation: sessions[session].generation))
    }

    /// Drops the postings of sessions that are gone each time a list has doubled, and the oldest of a full one.
    private mutating func makeRoom(for item: ItemIndex) {
        let count = postings[Int(item)].count
        guard count == Self.postingsMax || (count >= 32 && count & (count - 1) == 0) else { return }
        let sessions = sessions
        postings[Int(item)].removeAll { sessions[Int($0.session)].generation != $0.generation }
        if postings[Int(item)].count == Self.postingsMax { postings[Int(item)].removeFirst() }
    }

    /// Forgets a session whose user left.
    public mutating func remove(session: Int) {
        guard session < sessions.count else { return }
        sessions[session].items = []
        sessions[session].generation = 0
    }

    /// Forgets an item whose row goes to another.
    public mutating func remove(_ item: ItemIndex) {
        guard Int(item) < postings.count else { return }
        for posting in postings[Int(item)] { sessions[Int(posting.session)].items.removeAll { $0 == item } }
        postings[Int(item)] = []
        occurrences[Int(item)] = 0
    }

    /// The items that the neighbours of a session touched, best first: at most `count`, none of `excluded`.
    ///
    /// - Parameters:
    ///   - window: the newest items of the session, oldest first.
    ///   - session: its own row, which is no neighbour.
    ///   - query: the workspace; each thread that asks has its own.
    public func top(
        _ count: Int, after window: [ItemIndex], session: Int, excluding excluded: ItemSet, using query: inout Query
    ) -> [Candidate] {
        query.begin(sessions: sessions.count, items: postings.count)
        findNeighbors(window.suffix(Self.windowMax), session: session, &query)
        query.neighbors.keepFirst(Self.postingsMax) { $0.newest > $1.newest }
        query.neighbors.keepFirst(Self.neighborsMax) { left, right in
            left.similarity != right.similarity ? left.similarity > right.similarity : left.newest > right.newest
        }
        scoreItems(excluding: excluded, &query)
        let order: (Candidate, Candidate) -> Bool = { left, right in
            left.score != right.score ? left.score > right.score : left.item < right.item
        }
        query.candidates.keepFirst(count, by: order)
        query.candidates.sort(by: order)
        // Shared with the workspace: no copy where it is let go before the next question.
        return query.candidates
    }

    /// Sessions that are remembered of an item, those that are gone included.
    func postingCount(of item: ItemIndex) -> Int { postings[Int(item)].count }

    /// Gathers the newest sessions that share an item, each with the weights of what it shares.
    private func findNeighbors(_ window: ArraySlice<ItemIndex>, session own: Int, _ query: inout Query) {
        for (place, item) in window.enumerated().reversed() {
            // An item counts once, where it stands last.
            guard Int(item) < postings.count, !window.dropFirst(place + 1).contains(item) else { continue }
            let weight = Float(place + 1) / Float(window.count)
            for posting in postings[Int(item)] {
                let session = Int(posting.session)
                guard session != own, sessions[session].generation == posting.generation else { continue }
                if let slot = query.neighborMarks.place(of: session) {
                    query.neighbors[slot].similarity += weight
                } else {
                    query.neighborMarks.note(session, query.neighbors.count)
                    query.neighbors.append(
                        Neighbor(
                            session: posting.session, similarity: weight, distance: Int32(window.count - place),
                            newest: sessions[session].newest))
                }
            }
        }
    }

    private func scoreItems(excluding excluded: ItemSet, _ query: inout Query) {
        for neighbor in query.neighbors {
            let score = neighbor.similarity * max(0, 1 - 0.1 * Float(neighbor.distance))
            for item in sessions[Int(neighbor.session)].items {
                if let slot = query.candidateMarks.place(of: Int(item)) {
                    query.candidates[slot].score += score
                } else {
                    query.candidateMarks.note(Int(item), query.candidates.count)
                    query.candidates.append(Candidate(item: item, score: score))
                }
            }
        }
        // What everybody touches says little: the inverse share of sessions, as in retrieval of documents.
        for place in query.candidates.indices {
            let share = Float(sessions.count) / Float(max(1, occurrences[Int(query.candidates[place].item)]))
            query.candidates[place].score *= Foundation.log(1 + share)
        }
        if !excluded.isEmpty { query.candidates.removeAll { excluded.contains($0.item) } }
    }
}

extension SessionNeighbors {
    /// The workspace of a thread that asks for neighbours; nothing is allocated a query once it has grown.
    public struct Query: Sendable {
        fileprivate var neighbors: [Neighbor] = []
        fileprivate var candidates: [Candidate] = []
        fileprivate var neighborMarks = StampedPlaces()
        fileprivate var candidateMarks = StampedPlaces()

        public init() {}

        fileprivate mutating func begin(sessions: Int, items: Int) {
            neighbors.removeAll(keepingCapacity: true)
            candidates.removeAll(keepingCapacity: true)
            neighborMarks.begin(count: sessions)
            candidateMarks.begin(count: items)
        }
    }
}
