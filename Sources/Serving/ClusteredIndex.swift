public import SequenceModels
public import Tensors

// V = items, K = clusters, R = rows of a cluster, D = width

/// The served rows once more, in clusters of neighbours, so that a list need not read all of them.
///
/// It follows a table that changes with every event: a refreshed row is rewritten where it stands, one row in a
/// few is asked whether another cluster is nearer, centroids follow their rows as in mini-batch k-means
/// (Sculley, WWW 2010), a full cluster is split in two, and one that is almost empty is closed, a few rows at a
/// time (SPFresh, SOSP 2023, keeps an index in place by the same moves). Nothing is ever built anew: one call
/// does at most two splits, each of ``clusterRows`` rows. What the index holds is a function of the calls alone.
///
/// Distances are between rows with their bias as one more coordinate: the items of a cluster then score alike,
/// whatever the query.
public struct ClusteredIndex: ~Copyable {
    /// [K x R] rows of D; the rows of a cluster stand at its start.
    var rows: QuantizedTable
    /// The item of each row, [K x R].
    var names: [UInt32] = []
    /// Where an item's row stands, [V]; `nowhere` where it has none.
    var places: [UInt32] = []
    /// How often an item was refreshed since it came, up to a bound, [V].
    var ages: [UInt8] = []
    /// Items that have a row.
    public internal(set) var count = 0

    /// Rows of each cluster, [K].
    var sizes: [Int] = []
    /// [K x D], and the same as the kernels read them.
    var centroids: Matrix
    var centroidRows: QuantizedTable
    /// Of each cluster the mean bias, and the mean squared distance of its rows.
    var biases: [Float] = []
    var spreads: [Float] = []
    /// Half the squared length of each centroid; +∞ where the cluster takes no rows.
    var halfSquares: [Float] = []
    /// How far a row is from its centroid along one coordinate; -∞ where the cluster has no row.
    var deviations: [Float] = []
    /// Clusters without a row, and clusters whose rows are on their way out.
    var unused: [Int] = []
    var closing: [Int] = []
    /// Splits so far.
    public internal(set) var splits = 0

    /// Whether every row of the table has been looked at once: before that, lists may lack some.
    public var isComplete: Bool { sweeps > 0 }
    private var sweeps = 0
    private var refreshes = 0
    private var sweptItem = 0

    /// One row, as a query and as floats.
    var probe: QuantizedQueries
    var vector: Matrix
    /// A row as it was, [1 x D].
    private var previous: Matrix
    var distances: [Float] = []
    var nearestList = TopK(capacity: 1)
    var splitter: ClusterSplit

    let capacity: Int
    let clustersMax: Int

    static let clusterRows = 256
    /// A cluster with fewer rows is closed; a split leaves each side twice as many at least.
    static let clusterRowsMin = 32
    /// Rows that one call takes out of a closing cluster.
    static let closingRows = 4
    /// A row that was refreshed as often, or half as often, or a quarter, is asked for its nearest cluster: rows
    /// move fastest when they are new.
    private static let checkInterval: UInt8 = 64
    /// How much a difference in bias counts against one in the vector. A query is about as long as the root of
    /// its width, and a distance is spread over as many coordinates: a step along one of them changes a score
    /// by about as much as a step of the bias, and somewhat more where queries are longer.
    static let biasFactor: Float = 2
    static let nowhere = UInt32.max

    /// - Parameters:
    ///   - capacity: items at most.
    ///   - columns: D
    public init(capacity: Int, columns: Int) {
        precondition(capacity > 0 && columns > 0, "an index has an item and a column")
        self.capacity = capacity
        clustersMax = (capacity / Self.clusterRowsMin / QuantizedTable.rowsUnit + 2) * QuantizedTable.rowsUnit
        rows = QuantizedTable(capacity: clustersMax * Self.clusterRows, columns: columns, pages: .small)
        centroids = Matrix(rows: clustersMax, columns: columns)
        centroidRows = QuantizedTable(capacity: clustersMax, columns: columns)
        probe = QuantizedQueries(capacity: 1, columns: columns)
        vector = Matrix(rows: 1, columns: columns)
        previous = Matrix(rows: 1, columns: columns)
        splitter = ClusterSplit(rows: Self.clusterRows, columns: columns)
        // Reserved whole, as growing would copy; the memory is committed as it is first written.
        names.reserveCapacity(clustersMax * Self.clusterRows)
        places.reserveCapacity(capacity)
        ages.reserveCapacity(capacity)
    }

    /// Takes over the newest row of an item from the table that the index follows, or its first.
    public mutating func refresh(_ item: ItemIndex, from table: borrowing QuantizedTable) {
        precondition(item >= 0 && Int(item) < capacity && table.columns == rows.columns, "the item fits the index")
        if let place = place(of: item) {
            let isElsewhere = hasJumped(place, to: Int(item), of: table)
            rows.copyRow(place, from: table, row: Int(item))
            if isDue(item) || isElsewhere { check(item, from: table) }
        } else {
            add(item, from: table)
        }
        refreshes &+= 1
        if refreshes % sweepInterval == 0 { sweep(table) }
        emptyClosing(table)
    }

    /// Refreshes between two items that are looked at in turn: first every row must be in, then each was placed
    /// when there were fewer clusters than now.
    private var sweepInterval: Int { sweeps == 0 ? 1 : sweeps == 1 ? 16 : 64 }

    /// Whether a row has moved by more than half of its length since it was copied: it stands for another item
    /// now, or for one that learned much at once.
    private mutating func hasJumped(_ place: Int, to row: Int, of table: borrowing QuantizedTable) -> Bool {
        previous.withMutableRow(0) { rows.dequantizeRow(place, into: &$0) }
        vector.withMutableRow(0) { table.dequantizeRow(row, into: &$0) }
        let length = previous.withRow(0) { dot($0, $0) }
        vector.addRow(0, from: previous, row: 0, scale: -1)
        return vector.withRow(0) { dot($0, $0) } > 0.25 * length
    }

    /// Whether a refreshed item's age is a power of two, or a multiple of the largest.
    private mutating func isDue(_ item: ItemIndex) -> Bool {
        let age = ages[Int(item)] + 1
        ages[Int(item)] = age == 2 * Self.checkInterval ? Self.checkInterval : age
        return age & (age - 1) == 0
    }

    /// Takes an item out of every later list at once.
    public mutating func remove(_ item: ItemIndex) {
        guard let place = place(of: item) else { return }
        leave(place)
        places[Int(item)] = Self.nowhere
        count -= 1
    }

    /// Looks at the next item in turn: adds it where the table has a row that the index does not, and moves
    /// it where another cluster has come nearer.
    public mutating func sweep(_ table: borrowing QuantizedTable) {
        guard table.count > 0 else { return }
        if sweptItem >= table.count {
            sweptItem = 0
            sweeps += 1
        }
        let item = ItemIndex(sweptItem)
        sweptItem += 1
        if place(of: item) != nil {
            if isComplete { check(item, from: table) }
        } else if table.bias(ofRow: Int(item)) > -.infinity {
            add(item, from: table)
        }
    }

    /// Clusters that have rows.
    public var clusterCount: Int { sizes.count - unused.count }

    /// The cluster of an item; nil where it has no row.
    func cluster(of item: ItemIndex) -> Int? { place(of: item).map { $0 / Self.clusterRows } }

    func place(of item: ItemIndex) -> Int? {
        guard Int(item) < places.count, places[Int(item)] != Self.nowhere else { return nil }
        return Int(places[Int(item)])
    }
}
