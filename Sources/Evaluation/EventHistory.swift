public import Events

/// Events in the order in which they came, kept small: every identifier once, and a few numbers an event.
///
/// A back-test needs the whole stream at hand: what is learned when, and which events a user had before.
public struct EventHistory: Sendable {
    private struct Record: BitwiseCopyable {
        var milliseconds: Int64
        /// Not a number where the event has no value.
        var value: Double
        var user: Int32
        var item: Int32
        var type: Int32
        /// How many events the same user had before.
        var position: Int32
    }

    private var records: [Record] = []
    private var users = Interned<UserID>()
    private var items = Interned<ItemID>()
    private var types = Interned<String>()
    /// For each user, the places of their events.
    private var trails: [[Int32]] = []

    /// Events at most: a few gigabytes.
    public static let eventsMax = 100_000_000

    public init() {}

    public var count: Int { records.count }
    public var userCount: Int { users.values.count }

    public mutating func append(_ event: Event) throws(EvaluationError) {
        guard records.count < Self.eventsMax else { throw .tooManyEvents(max: Self.eventsMax) }
        let user = users.place(of: event.user)
        if Int(user) == trails.count { trails.append([]) }
        records.append(
            Record(
                milliseconds: event.timestamp.milliseconds, value: event.value ?? .nan, user: user,
                item: items.place(of: event.item), type: types.place(of: event.type),
                position: Int32(trails[Int(user)].count)))
        trails[Int(user)].append(Int32(records.count - 1))
    }

    /// The event at `place`, but for its own name.
    public subscript(place: Int) -> Event {
        let record = records[place]
        return Event(
            user: users.values[Int(record.user)], item: items.values[Int(record.item)],
            type: types.values[Int(record.type)], timestamp: Timestamp(milliseconds: record.milliseconds),
            value: record.value.isNaN ? nil : record.value)
    }

    public func item(at place: Int) -> ItemID { items.values[Int(records[place].item)] }

    public func timestamp(at place: Int) -> Timestamp { Timestamp(milliseconds: records[place].milliseconds) }

    /// Which user, counted in the order of their first events.
    func userNumber(at place: Int) -> Int { Int(records[place].user) }

    /// How many events the same user had before `place`.
    func position(of place: Int) -> Int { Int(records[place].position) }

    /// The places of the events that the user had before the one at `place`, oldest first.
    func trail(before place: Int) -> ArraySlice<Int32> {
        trails[userNumber(at: place)].prefix(position(of: place))
    }

    /// The places of a user's events, oldest first.
    func trail(ofUser number: Int) -> [Int32] { trails[number] }

    /// Values, each with a number in the order in which they came.
    private struct Interned<Value: Hashable & Sendable>: Sendable {
        private(set) var values: [Value] = []
        private var places: [Value: Int32] = [:]

        mutating func place(of value: Value) -> Int32 {
            if let place = places[value] { return place }
            let place = Int32(values.count)
            places[value] = place
            values.append(value)
            return place
        }
    }
}
