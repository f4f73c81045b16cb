/// One thing that a user did with an item: the value of a record of the events topic, decoded.
public struct Event: Equatable, Sendable {
    public var user: UserID
    public var item: ItemID
    /// A free word; its weight is a matter of configuration. `view` where the record names none.
    public var type: String
    public var timestamp: Timestamp
    /// A finite number the source attached: a rating, a price, a dwell time.
    public var value: Double?
    /// The source's own unique name of this event, for recognising a repetition.
    public var id: String?

    public static let defaultType = "view"

    public init(
        user: UserID, item: ItemID, type: String = Event.defaultType, timestamp: Timestamp,
        value: Double? = nil, id: String? = nil
    ) {
        self.user = user
        self.item = item
        self.type = type
        self.timestamp = timestamp
        self.value = value
        self.id = id
    }
}
