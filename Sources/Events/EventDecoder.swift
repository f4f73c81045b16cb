internal import CSimdJSON
internal import FoundationEssentials

/// What a record of the events topic says.
public enum DecodedRecord: Equatable, Sendable {
    case event(Event)
    /// A null value with a user's id as key: erase this user.
    case forget(UserID)
}

/// Reads records of the events topic: JSON objects, their parts found by the configured pointers.
///
/// Whatever the bytes are, the outcome is a record or a typed refusal. One decoder belongs to one
/// thread; its buffers are reused.
@safe public struct EventDecoder: ~Copyable {
    private let parser: OpaquePointer
    private let fields: EventFields
    private let limits: EventLimits

    /// - Returns: nil where the system has no memory for a parser of these limits.
    public init?(fields: EventFields, limits: EventLimits) {
        guard let parser = unsafe json_parser_create(limits.recordBytesMax, limits.depthMax) else { return nil }
        unsafe self.parser = parser
        self.fields = fields
        self.limits = limits
    }

    deinit {
        unsafe json_parser_destroy(parser)
    }

    /// Decodes one record.
    ///
    /// - Parameters:
    ///   - recordTimestamp: Kafka's own, where the value has none.
    ///   - now: what "the future" is measured from.
    public mutating func decode(
        key: [UInt8]?, value: [UInt8]?, recordTimestamp: Timestamp?, now: Timestamp
    ) throws(EventRefusal) -> DecodedRecord {
        guard let value else {
            guard let user = try keyUser(key) else { throw .missingUser }
            return .forget(user)
        }
        try parse(value)
        guard let user = try user(key) else { throw .missingUser }
        guard let itemText = try identifier(fields.item, .invalidItem) else { throw .missingItem }
        guard let item = ItemID(itemText) else { throw .invalidItem }
        return .event(
            Event(
                user: user, item: item, type: try type(), timestamp: try timestamp(recordTimestamp, now: now),
                value: try number(), id: try identifier(fields.id, .invalidID)))
    }

    private func parse(_ bytes: [UInt8]) throws(EventRefusal) {
        let outcome = unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return JSON_MALFORMED }
            return unsafe json_parser_parse(parser, start, buffer.count)
        }
        switch outcome {
        case JSON_OK: return
        case JSON_TOO_LARGE: throw .tooLarge
        case JSON_TOO_DEEP: throw .tooDeep
        default: throw .notJSON
        }
    }

    private func user(_ key: [UInt8]?) throws(EventRefusal) -> UserID? {
        guard let text = try identifier(fields.user, .invalidUser) else { return try keyUser(key) }
        return UserID(text)
    }

    private func keyUser(_ key: [UInt8]?) throws(EventRefusal) -> UserID? {
        guard let key, !key.isEmpty else { return nil }
        guard let text = String(validating: key, as: UTF8.self), let user = UserID(text) else { throw .invalidUser }
        return user
    }

    /// A string, or an integer as its decimal string; nil where it is missing or null.
    private func identifier(_ pointer: String, _ refusal: EventRefusal) throws(EventRefusal) -> String? {
        let text: String
        switch value(at: pointer) {
        case .missing: return nil
        case .text(let string): text = string
        case .integer(let integer): text = String(integer)
        case .unsigned(let integer): text = String(integer)
        case .real, .other: throw refusal
        }
        guard (1...UserID.bytesMax).contains(text.utf8.count) else { throw refusal }
        return text
    }

    private func type() throws(EventRefusal) -> String {
        switch value(at: fields.type) {
        case .missing: return Event.defaultType
        case .text(let word) where (1...limits.wordBytesMax).contains(word.utf8.count): return word
        default: throw .invalidType
        }
    }

    private func number() throws(EventRefusal) -> Double? {
        switch value(at: fields.value) {
        case .missing: return nil
        case .integer(let integer): return Double(integer)
        case .unsigned(let integer): return Double(integer)
        case .real(let real) where real.isFinite: return real
        default: throw .invalidValue
        }
    }

    private func timestamp(_ recordTimestamp: Timestamp?, now: Timestamp) throws(EventRefusal) -> Timestamp {
        let timestamp: Timestamp
        switch value(at: fields.timestamp) {
        case .missing:
            guard let recordTimestamp else { throw .missingTimestamp }
            timestamp = recordTimestamp
        case .integer(let integer):
            timestamp = try Self.timestamp(ofInteger: integer)
        case .text(let text):
            timestamp = try Self.timestamp(ofText: text)
        case .unsigned:
            throw .timestampOutOfRange
        case .real, .other:
            throw .invalidTimestamp
        }
        return try Self.bounded(timestamp, limits, now: now)
    }

    /// A timestamp from text, as a column of a table holds it: an integer by the rules of the record,
    /// or ISO 8601.
    public static func timestamp(
        ofText text: String, limits: EventLimits, now: Timestamp
    ) throws(EventRefusal) -> Timestamp {
        if let integer = Int64(text) { return try bounded(Self.timestamp(ofInteger: integer), limits, now: now) }
        return try bounded(Self.timestamp(ofText: text), limits, now: now)
    }

    private static func bounded(
        _ timestamp: Timestamp, _ limits: EventLimits, now: Timestamp
    ) throws(EventRefusal) -> Timestamp {
        let latest = now.milliseconds + limits.futureMillisecondsMax
        guard timestamp >= limits.earliest, timestamp.milliseconds <= latest else { throw .timestampOutOfRange }
        return timestamp
    }

    /// Seconds and milliseconds are told apart by size: 10^11 seconds are the year 5138, 10^11
    /// milliseconds are in 1973.
    private static func timestamp(ofInteger integer: Int64) throws(EventRefusal) -> Timestamp {
        guard integer > 0 else { throw .timestampOutOfRange }
        return Timestamp(milliseconds: integer < 100_000_000_000 ? integer * 1000 : integer)
    }

    private static func timestamp(ofText text: String) throws(EventRefusal) -> Timestamp {
        // ISO 8601 with and without a fraction are two formats to Foundation.
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: text.contains("."))
        // Any failure to parse means the same: this is no date.
        guard let date = try? style.parse(text) else { throw .invalidTimestamp }
        let milliseconds = (date.timeIntervalSince1970 * 1000).rounded()
        guard abs(milliseconds) < 1e15 else { throw .timestampOutOfRange }
        return Timestamp(milliseconds: Int64(milliseconds))
    }

    private enum Value {
        case missing
        case integer(Int64)
        case unsigned(UInt64)
        case real(Double)
        case text(String)
        case other
    }

    private func value(at pointer: String) -> Value {
        var pointer = pointer
        return pointer.withUTF8 { path in
            let start = unsafe UnsafeRawPointer(path.baseAddress)?.assumingMemoryBound(to: CChar.self)
            let found = unsafe json_parser_value(parser, start, path.count)
            switch unsafe found.kind {
            case JSON_MISSING, JSON_NULL: return .missing
            case JSON_INTEGER: return unsafe .integer(found.integer)
            case JSON_UNSIGNED: return unsafe .unsigned(found.unsigned_integer)
            case JSON_REAL: return unsafe .real(found.real)
            case JSON_STRING:
                guard let text = unsafe found.text else { return .text("") }
                let bytes = unsafe UnsafeRawBufferPointer(start: text, count: found.length)
                // simdjson has validated the UTF-8.
                return unsafe .text(String(decoding: bytes, as: UTF8.self))
            default: return .other
            }
        }
    }
}
