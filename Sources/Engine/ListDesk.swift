internal import Checkpoints
internal import Events
internal import SequenceModels
internal import Serving
internal import Tensors

/// Where one thread makes lists: its workspace, and what it has made.
///
/// A class because an engine has one for each thread; in a shared step each part has a desk of its own.
final class ListDesk {
    var query = Yardsticks.Query()
    /// The pool of the list that an event scores.
    var earlierPool = CandidatePool(sessionLength: 0, sequence: 0)
    /// What the rules leave out of the list that is being made.
    var excluded: ItemSet = []
    /// Of the pool that is being filled.
    var places = StampedPlaces()
    /// What one model says of the pool that is being filled.
    var neuralScores: [Float] = []
    /// Items of it that the model's ranking did not find, and their scores.
    var unscored: [ItemIndex] = []
    var laterScores: [Float] = []
    /// A session on its way from the events that are kept of it, and its items.
    var events: [SessionEvent] = []
    var items: [ItemIndex] = []
    /// The candidates of the list that is being made, best first.
    var order: [(item: ItemIndex, score: Float)] = []
    /// Where each model had the item that came.
    var ranks: [(model: String, rank: Int?)] = []
    var popular: [ItemIndex] = []
    var explanation: Explanation
    /// For each session of this desk's share the candidates, in the first ``poolCount``: filled again and again, so
    /// that a list allocates none.
    var pools: [CandidatePool] = []
    private(set) var poolCount = 0
    var made: [MadeList] = []
    /// The rankings of all of ``made``, end to end.
    var rankings: [ItemIndex] = []
    /// Their pools, packed, end to end.
    private var packedPools = ByteWriter()
    /// Lists that are done with, one for each that is going to be made here.
    var lists: [[ScoredItem]] = []

    init(dimensions: Int) {
        explanation = Explanation(sessionItemsMax: Engine.explainingItemsMax, dimensions: dimensions)
    }

    /// Takes one more pool into use.
    ///
    /// - Returns: its place.
    func addPool() -> Int {
        if poolCount == pools.count { pools.append(CandidatePool(sessionLength: 0, sequence: 0)) }
        poolCount += 1
        return poolCount - 1
    }

    func clear() {
        poolCount = 0
        made.removeAll(keepingCapacity: true)
        rankings.removeAll(keepingCapacity: true)
        packedPools.removeAll()
    }

    /// An empty list, in the memory of one that is done with.
    func takeList() -> [ScoredItem] {
        var list = lists.popLast() ?? []
        list.removeAll(keepingCapacity: true)
        return list
    }

    /// Packs a pool, the session's row first.
    ///
    /// - Returns: where it stands among those that were packed since ``clear()``.
    func pack(_ pool: CandidatePool, row: Int) -> Range<Int> {
        let first = packedPools.size
        pool.write(row: Int32(row), to: &packedPools)
        return first..<packedPools.size
    }

    /// The bytes of a pool that was packed.
    func packedPool(_ place: Range<Int>) -> ArraySlice<UInt8> { packedPools.written(place) }

    /// Makes `items` those of the events.
    func takeItems(of events: some Collection<SessionEvent>) {
        items.removeAll(keepingCapacity: true)
        for event in events { items.append(event.item) }
    }
}

/// What came of one session of a group.
struct MadeList {
    /// The best candidates, whatever the rules say: where they stand in the desk's rankings.
    var ranking: Range<Int>
    /// What goes out; empty where nothing does.
    var items: [ScoredItem]
    /// Where the pool stands in the desk's packed ones, if the user's next event scores it.
    var pool: Range<Int>?
}
