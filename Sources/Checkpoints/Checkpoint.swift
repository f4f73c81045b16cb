public import Events

/// What a state directory holds, as plain values: made by the engine, kept by the store.
///
/// A checkpoint is incremental: `items` and `users` are the rows that changed since the last one was
/// taken, everything else is whole. Written in one transaction, it moves the stored state from one
/// set of offsets to the next; there is no state in between.
public struct Checkpoint: Sendable {
    /// What the numbers mean: encoder, dimensions, and everything else that must agree before a
    /// stored model can be gone on with.
    public var model: ModelDescription
    /// The item rows that changed since the last checkpoint.
    public var items: [ItemRow]
    /// The users whose session changed since the last checkpoint.
    public var users: [UserRow]
    /// The users that left since the last checkpoint: forgotten, or pushed out by the bound.
    public var removedUsers: [UserID]
    /// Whether `users` are all there are: every other one has left. So it is where more have left than can be
    /// named.
    public var replacesUsers = false
    /// Whether somebody asked to be forgotten since the last checkpoint: an older copy of the state still holds them.
    public var forgetsUsers = false
    /// Dense parameters, optimizer state, random state, counters: whole, by name.
    public var blobs: [String: [UInt8]]
    /// For each partition, the next offset to learn from.
    public var offsets: [TopicPartition: Int64]
    /// Where reading began of partitions that the state knew nothing of: a generation from before them, recovered,
    /// goes on from there. Left out where the partition came with its users' sessions, which that one has not.
    public var beginnings: [TopicPartition: Int64] = [:]
    /// The same of partitions that came with their users' sessions: a generation from before them, recovered, has the
    /// sessions come once more, and learns from there.
    public var arrivals: [TopicPartition: Int64] = [:]

    public init(
        model: ModelDescription, items: [ItemRow] = [], users: [UserRow] = [], removedUsers: [UserID] = [],
        blobs: [String: [UInt8]] = [:], offsets: [TopicPartition: Int64] = [:]
    ) {
        self.model = model
        self.items = items
        self.users = users
        self.removedUsers = removedUsers
        self.blobs = blobs
        self.offsets = offsets
    }
}

/// Identifies the model that a state directory holds.
public struct ModelDescription: Equatable, Sendable {
    public var encoder: String
    /// Width of item and hidden vectors.
    public var dimensions: Int
    public var modelVersion: UInt64

    public init(encoder: String, dimensions: Int, modelVersion: UInt64) {
        self.encoder = encoder
        self.dimensions = dimensions
        self.modelVersion = modelVersion
    }
}

/// One item: its place in the table, its name, its parameters.
public struct ItemRow: Equatable, Sendable {
    public var index: UInt32
    public var id: ItemID
    /// The row's floats (embedding, bias, optimizer state) and counters, in the engine's layout,
    /// little-endian.
    public var payload: [UInt8]

    public init(index: UInt32, id: ItemID, payload: [UInt8]) {
        self.index = index
        self.id = id
        self.payload = payload
    }
}

/// One user: the kept session, in the engine's layout, little-endian.
public struct UserRow: Equatable, Sendable {
    public var id: UserID
    /// Grows with activity: restoring users in this order restores who leaves first.
    public var lastActive: UInt64
    public var payload: [UInt8]

    public init(id: UserID, lastActive: UInt64, payload: [UInt8]) {
        self.id = id
        self.lastActive = lastActive
        self.payload = payload
    }
}
