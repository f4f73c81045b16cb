public import Events

/// Events of files in the order of their times: what is learned and scored comes in the order in which it happened.
public struct TimeOrder {
    /// The places of the events, oldest first; those of one moment stay as they came.
    public let places: [Int]
    /// How many events came after a later one.
    public let lateCount: Int

    /// - Returns: nil where the events are in order.
    public init?(of count: Int, timestamp: (Int) -> Timestamp) {
        var latest = Timestamp(milliseconds: .min)
        var lateCount = 0
        for place in 0..<count {
            let timestamp = timestamp(place)
            if timestamp < latest { lateCount += 1 }
            latest = max(latest, timestamp)
        }
        guard lateCount > 0 else { return nil }
        self.lateCount = lateCount
        places = (0..<count).sorted { (timestamp($0), $0) < (timestamp($1), $1) }
    }

    /// A sentence for people.
    public var message: String {
        "\(lateCount) of \(places.count) events stood after a later one; all were sorted by their times"
    }
}
