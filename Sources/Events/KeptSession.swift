internal import FoundationEssentials

/// What is kept of one user, by names that every instance knows: the value of a record of the sessions topic.
public struct KeptSession: Equatable, Sendable {
    public struct Entry: Equatable, Sendable {
        public var item: ItemID
        public var type: String
        /// The bucket of the time since the event before.
        public var gap: UInt8

        public init(item: ItemID, type: String, gap: UInt8) {
            self.item = item
            self.type = type
            self.gap = gap
        }
    }

    public var user: UserID
    /// The newest events, oldest first.
    public var events: [Entry]
    /// Items of purchase events, oldest first.
    public var purchased: [Entry]
    /// The newest ids that the user's events had, oldest first: whoever goes on knows a second copy.
    public var ids: [RecentID]
    /// When the newest event happened.
    public var newest: Timestamp?
    /// The session has every event of its user up to this record of its partition.
    public var through: RecordSource

    /// Events, purchases and ids each, at most.
    public static let entriesMax = 1000

    public init(
        user: UserID, events: [Entry], purchased: [Entry], ids: [RecentID], newest: Timestamp?, through: RecordSource
    ) {
        self.user = user
        self.events = events
        self.purchased = purchased
        self.ids = ids
        self.newest = newest
        self.through = through
    }

    /// No event is further from 1970 than this many milliseconds: what a double counts exactly.
    private static let timeMax: Int64 = 1 << 53

    /// Reads the value of a record back.
    ///
    /// - Returns: nil where it is none: not JSON, a part missing, an identifier, a place or a time that is none.
    public init?(json: [UInt8]) {
        // Whatever fails, the record is none.
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(json)),
            let user = UserID(document.user), document.events.count <= Self.entriesMax,
            let purchased = Self.entries(document.purchased), let events = Self.entries(document.events),
            purchased.count <= Self.entriesMax,
            // A record from before ids went along has none.
            let ids = RecentID.ids(document.ids.map { Array($0) } ?? []),
            document.through.partition >= 0, document.through.offset >= 0,
            (-Self.timeMax...Self.timeMax).contains(document.newest ?? 0)
        else { return nil }
        self.init(
            user: user, events: events, purchased: purchased, ids: ids,
            newest: document.newest.map(Timestamp.init(milliseconds:)),
            through: RecordSource(
                topicPartition: TopicPartition(topic: document.through.topic, partition: document.through.partition),
                offset: document.through.offset))
    }

    private static func entries(_ entries: [Document.Entry]) -> [Entry]? {
        var read: [Entry] = []
        for entry in entries {
            guard let item = ItemID(entry.item) else { return nil }
            read.append(Entry(item: item, type: entry.type, gap: entry.gap))
        }
        return read
    }

    private struct Document: Decodable {
        struct Entry: Decodable {
            var item: String
            var type: String
            var gap: UInt8
        }
        struct Through: Decodable {
            var topic: String
            var partition: Int32
            var offset: Int64
        }
        var user: String
        var events: [Entry]
        var purchased: [Entry]
        /// In base64.
        var ids: Data?
        var newest: Int64?
        var through: Through
    }
}
