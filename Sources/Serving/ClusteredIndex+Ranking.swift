public import Tensors

// K = clusters, R = rows of a cluster, D = width

/// The workspace of one thread that asks an index.
public struct ClusterProbe: ~Copyable {
    /// The most that a cluster's rows are expected to score, [K].
    var prospects: [Float] = []
    var first = TopK(capacity: ClusterProbe.firstClusters)
    /// Rows that the last query was scored against.
    public internal(set) var rowsRead = 0

    /// Clusters that are read before the list has a threshold worth the name.
    static let firstClusters = 16

    public init() {}
}

extension ClusteredIndex {
    /// The best rows for a query, as far as they stand in clusters that promise any.
    ///
    /// The mean score of a cluster's rows is that of its centroid; they lie around it by the query's length
    /// times their deviation. A cluster is read where its mean plus `reach` deviations is above the score of
    /// the list's last place: reach is how far out a row may be and still be found, whatever the data.
    ///
    /// - Parameters:
    ///   - reach: in deviations; larger reads and finds more.
    ///   - list: up to its limit, as `QuantizedTable.topK` fills it, equal scores in no certain order.
    public func rank(
        _ queries: borrowing QuantizedQueries, _ slot: Int, reach: Float, using probe: inout ClusterProbe,
        into list: inout TopK
    ) {
        probe.rowsRead = 0
        guard count > 0 else { return }
        while probe.prospects.count < sizes.count { probe.prospects.append(0) }
        fillProspects(queries, slot, reach: reach * queries.norm(slot), &probe.prospects)
        probe.first.removeAll(limit: ClusterProbe.firstClusters)
        probe.first.offer(probe.prospects)

        queries.begin(list, slot)
        for place in 0..<probe.first.count {
            let cluster = probe.first.index(at: place)
            guard probe.prospects[cluster] > queries.threshold(slot) else { break }
            read(cluster, queries, slot, &probe)
        }
        var threshold = queries.threshold(slot)
        for cluster in 0..<sizes.count where probe.prospects[cluster] > threshold {
            read(cluster, queries, slot, &probe)
            threshold = queries.threshold(slot)
        }
        queries.end(slot, into: &list)
    }

    private func read(_ cluster: Int, _ queries: borrowing QuantizedQueries, _ slot: Int, _ probe: inout ClusterProbe) {
        let start = cluster * Self.clusterRows
        rows.offer(start..<start + sizes[cluster], names: names.span, to: queries, slot)
        probe.rowsRead += sizes[cluster]
        // Once is enough.
        probe.prospects[cluster] = -.infinity
    }

    private func fillProspects(_ queries: borrowing QuantizedQueries, _ slot: Int, reach: Float, _ prospects: inout [Float]) {
        var span = prospects.mutableSpan
        centroidRows.scores(queries, slot, into: &span)
        Self.complete(&span, biases: biases.span, deviations: deviations.span, reach: reach)
    }

    private static func complete(
        _ prospects: inout MutableSpan<Float>, biases: Span<Float>, deviations: Span<Float>, reach: Float
    ) {
        precondition(prospects.count == biases.count && prospects.count == deviations.count, "a value for every cluster")
        for cluster in 0..<prospects.count { prospects[cluster] += biases[cluster] + reach * deviations[cluster] }
    }
}
