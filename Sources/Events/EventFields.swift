/// Where in a record each part of an event stands, as JSON Pointers (RFC 6901).
public struct EventFields: Sendable, Equatable {
    public var user = "/user"
    public var item = "/item"
    public var type = "/type"
    public var timestamp = "/timestamp"
    public var value = "/value"
    public var id = "/id"

    public init() {}

    /// Whether `text` is a JSON Pointer to something inside the record: `/` before every step, and `~`
    /// only as `~0` or `~1`.
    public static func isPointer(_ text: String) -> Bool {
        guard text.first == "/" else { return false }
        var afterTilde = false
        for character in text {
            if afterTilde && character != "0" && character != "1" { return false }
            afterTilde = character == "~"
        }
        return !afterTilde
    }
}

/// What a record may be at most.
public struct EventLimits: Sendable, Equatable {
    /// Largest value of a record.
    public var recordBytesMax = 64 * 1024
    /// Deepest nesting of a record, the object itself included: far deeper than any event. More is a fault or an attack.
    public var depthMax = 1000
    /// Longest `type` and `id`, in bytes of UTF-8.
    public var wordBytesMax = 256
    /// How far ahead of the clock an event may be; sources' clocks differ.
    public var futureMillisecondsMax: Int64 = 24 * 60 * 60 * 1000
    /// Earliest time that an event can have: 1990-01-01.
    public var earliest = Timestamp(milliseconds: 631_152_000_000)

    public init() {}
}
