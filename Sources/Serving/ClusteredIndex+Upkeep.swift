internal import SequenceModels
internal import Tensors

// K = clusters, R = rows of a cluster, D = width

/// Rows come, go and change sides; clusters follow.
extension ClusteredIndex {
    /// Gives an item a row in the nearest cluster.
    mutating func add(_ item: ItemIndex, from table: borrowing QuantizedTable) {
        guard table.bias(ofRow: Int(item)) > -.infinity else { return }
        load(item, from: table)
        guard let cluster = nearestCluster(bias: table.bias(ofRow: Int(item))) ?? open() else { return }
        while places.count <= Int(item) {
            places.append(Self.nowhere)
            ages.append(0)
        }
        ages[Int(item)] = 0
        append(item, to: cluster, from: table)
        count += 1
    }

    /// Moves an item where another cluster is nearer than its own; either way the nearest follows it a little.
    mutating func check(_ item: ItemIndex, from table: borrowing QuantizedTable) {
        guard let place = place(of: item) else { return }
        let own = place / Self.clusterRows
        load(item, from: table)
        guard let cluster = nearestCluster(bias: table.bias(ofRow: Int(item))) else { return }
        if cluster == own { return follow(own, bias: table.bias(ofRow: Int(item))) }
        leave(place)
        append(item, to: cluster, from: table)
    }

    /// Takes some rows out of a cluster that closes; one split is enough for a call.
    mutating func emptyClosing(_ table: borrowing QuantizedTable) {
        guard let cluster = closing.last else { return }
        let before = splits
        for _ in 0..<Self.closingRows where closing.last == cluster && splits == before {
            let place = cluster * Self.clusterRows + sizes[cluster] - 1
            let item = ItemIndex(names[place])
            load(item, from: table)
            guard let target = nearestCluster(bias: table.bias(ofRow: Int(item))) else {
                // No other cluster takes a row: this one stays.
                closing.removeLast()
                return settle(cluster)
            }
            leave(place)
            append(item, to: target, from: table)
        }
    }

    /// Takes the row at a place out of its cluster; the cluster's last row fills the gap.
    mutating func leave(_ place: Int) {
        let cluster = place / Self.clusterRows
        let last = cluster * Self.clusterRows + sizes[cluster] - 1
        rows.removeRow(place)
        if place != last { move(last, to: place) }
        sizes[cluster] -= 1
        if sizes[cluster] == 0 {
            closing.removeAll { $0 == cluster }
            unused.append(cluster)
            settle(cluster)
        } else if sizes[cluster] < Self.clusterRowsMin, clusterCount > 1, !closing.contains(cluster) {
            closing.append(cluster)
            settle(cluster)
        } else if halfSquares[cluster] == .infinity {
            settle(cluster)
        }
    }

    private mutating func append(_ item: ItemIndex, to cluster: Int, from table: borrowing QuantizedTable) {
        let place = cluster * Self.clusterRows + sizes[cluster]
        rows.copyRow(place, from: table, row: Int(item))
        names[place] = UInt32(item)
        places[Int(item)] = UInt32(place)
        sizes[cluster] += 1
        follow(cluster, bias: table.bias(ofRow: Int(item)))
        if sizes[cluster] == Self.clusterRows { split(cluster) }
    }

    private mutating func move(_ source: Int, to target: Int) {
        rows.moveRow(source, to: target)
        names[target] = names[source]
        places[Int(names[target])] = UInt32(target)
    }

    private mutating func load(_ item: ItemIndex, from table: borrowing QuantizedTable) {
        probe.copy(Int(item), of: table, into: 0)
        vector.withMutableRow(0) { table.dequantizeRow(Int(item), into: &$0) }
    }

    /// The cluster that is nearest to the loaded row; nil where none takes a row.
    ///
    /// |x - c|² is least where x · c - |c|² / 2 is most.
    private mutating func nearestCluster(bias: Float) -> Int? {
        Self.score(centroidRows, probe, into: &distances)
        Self.complete(&distances, biases, halfSquares, factor: Self.biasFactor * Self.biasFactor * bias)
        nearestList.removeAll(limit: 1)
        nearestList.offer(distances)
        return nearestList.count == 0 ? nil : nearestList.index(at: 0)
    }

    private static func score(
        _ centroids: borrowing QuantizedTable, _ probe: borrowing QuantizedQueries, into scores: inout [Float]
    ) {
        var span = scores.mutableSpan
        centroids.scores(probe, 0, into: &span)
    }

    private static func complete(_ scores: inout [Float], _ biases: [Float], _ halfSquares: [Float], factor: Float) {
        var scores = scores.mutableSpan
        let (biases, halfSquares) = (biases.span, halfSquares.span)
        precondition(scores.count == biases.count && scores.count == halfSquares.count, "a value for every cluster")
        for cluster in 0..<scores.count { scores[cluster] += factor * biases[cluster] - halfSquares[cluster] }
    }

    /// A cluster without rows; nil where there are as many as there may be.
    private mutating func open() -> Int? {
        if let cluster = unused.popLast() { return cluster }
        guard sizes.count < clustersMax else { return nil }
        let first = sizes.count
        // The kernels read centroids in whole blocks.
        for cluster in first..<first + QuantizedTable.rowsUnit {
            sizes.append(0)
            biases.append(0)
            spreads.append(0)
            halfSquares.append(.infinity)
            deviations.append(-.infinity)
            distances.append(0)
            names.append(contentsOf: repeatElement(Self.nowhere, count: Self.clusterRows))
            settle(cluster)
        }
        unused.append(contentsOf: (first + 1..<first + QuantizedTable.rowsUnit).reversed())
        return first
    }

    /// One step of mini-batch k-means: the centroid goes towards the loaded row by one part in its size.
    private mutating func follow(_ cluster: Int, bias: Float) {
        let share = 1 / Float(max(1, sizes[cluster]))
        let distance = Self.squaredDistance(vector, centroids, row: cluster) + Self.squaredBias(bias - biases[cluster])
        Self.approach(&centroids, row: cluster, vector, share)
        // Of weights that fall geometrically: West 1979, "Updating mean and variance estimates".
        spreads[cluster] = (1 - share) * (spreads[cluster] + share * distance)
        biases[cluster] += (bias - biases[cluster]) * share
        settle(cluster)
    }

    private static func squaredDistance(_ vector: borrowing Matrix, _ centroids: borrowing Matrix, row: Int) -> Float {
        vector.withRow(0) { vector in
            centroids.withRow(row) { centroid in
                max(0, dot(vector, vector) - 2 * dot(vector, centroid) + dot(centroid, centroid))
            }
        }
    }

    private static func squaredBias(_ bias: Float) -> Float { biasFactor * biasFactor * bias * bias }

    private static func approach(_ centroids: inout Matrix, row: Int, _ vector: borrowing Matrix, _ share: Float) {
        vector.withRow(0) { vector in
            centroids.withMutableRow(row) { centroid in
                precondition(centroid.count == vector.count, "vectors of one width")
                for column in 0..<centroid.count { centroid[column] += (vector[column] - centroid[column]) * share }
            }
        }
    }

    /// Brings what is derived from a cluster's rows, mean and spread up to date.
    private mutating func settle(_ cluster: Int) {
        // A centroid of rows too large for a float stays as it was read last: it is far from every row.
        do { try centroidRows.setRow(cluster, from: centroids, sourceRow: cluster, bias: 0) } catch {}
        let isFull = sizes[cluster] == Self.clusterRows
        if sizes[cluster] == 0 || isFull || closing.contains(cluster) {
            halfSquares[cluster] = .infinity
        } else {
            let square = centroids.withRow(cluster) { dot($0, $0) } + Self.squaredBias(biases[cluster])
            halfSquares[cluster] = square / 2
        }
        let coordinates = Float(rows.columns + 1)
        deviations[cluster] = sizes[cluster] == 0 ? -.infinity : (spreads[cluster] / coordinates).squareRoot()
    }

    /// Divides a full cluster between itself and a new one.
    private mutating func split(_ cluster: Int) {
        guard let other = open() else { return settle(cluster) }
        splits += 1
        let start = cluster * Self.clusterRows
        for position in 0..<Self.clusterRows {
            splitter.load(position, from: rows, row: start + position, biasFactor: Self.biasFactor)
        }
        splitter.divide()
        // From the end: what fills a gap has then been looked at.
        for position in (0..<Self.clusterRows).reversed() where splitter.isUpper(position) {
            move(start + position, to: other * Self.clusterRows + sizes[other])
            sizes[other] += 1
            sizes[cluster] -= 1
            let last = start + sizes[cluster]
            if last != start + position { move(last, to: start + position) }
        }
        for (side, cluster) in [cluster, other].enumerated() {
            splitter.copyMean(side, into: &centroids, row: cluster)
            biases[cluster] = splitter.biasMean(side) / Self.biasFactor
            spreads[cluster] = splitter.spread(side)
            settle(cluster)
        }
    }
}
