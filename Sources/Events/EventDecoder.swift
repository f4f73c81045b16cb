internal import CSimdJSON

/// What a record of the events topic says.
public enum DecodedRecord: Equatable, Sendable {
    case event(Event)
    /// A null value with a user's id as key: erase this user.
    case forget(UserID)
}

/// Reads records of the events topic: JSON objects, their parts found by the configured pointers. What no
/// pointer names is ignored, whatever JSON it is; of a key that comes twice the first value counts.
///
/// Whatever the bytes are, the outcome is a record or a typed refusal. One decoder belongs to one
/// thread; its buffers are reused.
@safe public struct EventDecoder: ~Copyable {
    private let parser: OpaquePointer
    private let limits: EventLimits
    private let notation: TimestampNotation

    /// - Parameter notation: how the timestamp of a record may be written.
    /// - Returns: nil where the system has no memory for a parser of these limits.
    public init?(fields: EventFields, limits: EventLimits, notation: TimestampNotation = .record) {
        guard let depthMax = Int32(exactly: limits.depthMax),
            let parser = unsafe json_parser_create(limits.recordBytesMax, depthMax)
        else { return nil }
        for field in Field.allCases {
            var pointer = field.pointer(fields)
            let isAdded = pointer.withUTF8 { path in
                unsafe json_parser_add(parser, UnsafeRawPointer(path.baseAddress)?.assumingMemoryBound(to: CChar.self), path.count)
            }
            guard isAdded else {
                unsafe json_parser_destroy(parser)
                return nil
            }
        }
        unsafe self.parser = parser
        self.limits = limits
        self.notation = notation
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
        guard let itemText = try identifier(.item, .invalidItem) else { throw .missingItem }
        guard let item = ItemID(itemText) else { throw .invalidItem }
        return .event(
            Event(
                user: user, item: item, type: try type(), timestamp: try timestamp(recordTimestamp, now: now),
                value: try number(), id: try identifier(.id, .invalidID)))
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
        guard let text = try identifier(.user, .invalidUser) else { return try keyUser(key) }
        return UserID(text)
    }

    private func keyUser(_ key: [UInt8]?) throws(EventRefusal) -> UserID? {
        guard let key, !key.isEmpty else { return nil }
        guard let text = String(validating: key, as: UTF8.self), let user = UserID(text) else { throw .invalidUser }
        return user
    }

    /// A string, or an integer as its decimal string; nil where it is missing or null.
    private func identifier(_ field: Field, _ refusal: EventRefusal) throws(EventRefusal) -> String? {
        let text: String
        switch value(of: field) {
        case .missing: return nil
        case .text(let string): text = string
        case .integer(let integer): text = String(integer)
        case .unsigned(let integer): text = String(integer)
        case .bigInteger(let digits, _): text = digits
        case .real, .other: throw refusal
        }
        guard (1...UserID.bytesMax).contains(text.utf8.count) else { throw refusal }
        return text
    }

    private func type() throws(EventRefusal) -> String {
        switch value(of: .type) {
        case .missing: return Event.defaultType
        case .text(let word) where (1...limits.wordBytesMax).contains(word.utf8.count): return word
        default: throw .invalidType
        }
    }

    private func number() throws(EventRefusal) -> Double? {
        switch value(of: .value) {
        case .missing: return nil
        case .integer(let integer): return Double(integer)
        case .unsigned(let integer): return Double(integer)
        case .bigInteger(_, let real) where real.isFinite: return real
        case .real(_, let real) where real.isFinite: return real
        default: throw .invalidValue
        }
    }

    private func timestamp(_ recordTimestamp: Timestamp?, now: Timestamp) throws(EventRefusal) -> Timestamp {
        let timestamp: Timestamp
        switch value(of: .timestamp) {
        case .missing:
            guard let recordTimestamp else { throw .missingTimestamp }
            timestamp = recordTimestamp
        case .integer(let integer):
            guard let moment = Timestamp(secondsOrMilliseconds: integer) else { throw .timestampOutOfRange }
            timestamp = moment
        case .text(let text):
            timestamp = try Self.timestamp(ofText: text, notation)
        case .unsigned, .bigInteger:
            throw .timestampOutOfRange
        case .real(let digits, _):
            guard notation == .file, let moment = Timestamp(decimal: digits) else { throw .invalidTimestamp }
            timestamp = moment
        case .other:
            throw .invalidTimestamp
        }
        return try Self.bounded(timestamp, limits, now: now)
    }

    private static func timestamp(ofText text: String, _ notation: TimestampNotation) throws(EventRefusal) -> Timestamp {
        if notation == .file {
            if let integer = Int64(text) {
                guard let moment = Timestamp(secondsOrMilliseconds: integer) else { throw .timestampOutOfRange }
                return moment
            }
            if let moment = Timestamp(decimal: text) { return moment }
        }
        guard let moment = DateTimeText.timestamp(text, notation) else { throw .invalidTimestamp }
        return moment
    }

    /// A timestamp from the text of a file's column.
    public static func timestamp(
        ofText text: String, limits: EventLimits, now: Timestamp
    ) throws(EventRefusal) -> Timestamp {
        try bounded(timestamp(ofText: text, .file), limits, now: now)
    }

    private static func bounded(
        _ timestamp: Timestamp, _ limits: EventLimits, now: Timestamp
    ) throws(EventRefusal) -> Timestamp {
        let latest = now.milliseconds + limits.futureMillisecondsMax
        guard timestamp >= limits.earliest, timestamp.milliseconds <= latest else { throw .timestampOutOfRange }
        return timestamp
    }

    /// The parts of an event, in the order in which the parser was told of them.
    private enum Field: Int, CaseIterable {
        case user, item, type, timestamp, value, id

        func pointer(_ fields: EventFields) -> String {
            switch self {
            case .user: fields.user
            case .item: fields.item
            case .type: fields.type
            case .timestamp: fields.timestamp
            case .value: fields.value
            case .id: fields.id
            }
        }
    }

    private enum Value {
        case missing
        case integer(Int64)
        case unsigned(UInt64)
        case bigInteger(digits: String, Double)
        case real(digits: String, Double)
        case text(String)
        case other
    }

    private func value(of field: Field) -> Value {
        let found = unsafe json_parser_value(parser, field.rawValue)
        // The parser has validated the UTF-8.
        func text() -> String {
            unsafe String(decoding: UnsafeRawBufferPointer(start: found.text, count: found.length), as: UTF8.self)
        }
        switch unsafe found.kind {
        case JSON_MISSING, JSON_NULL: return .missing
        case JSON_INTEGER: return unsafe .integer(found.integer)
        case JSON_UNSIGNED: return unsafe .unsigned(found.unsigned_integer)
        case JSON_BIG_INTEGER: return unsafe .bigInteger(digits: text(), found.real)
        case JSON_REAL: return unsafe .real(digits: text(), found.real)
        case JSON_STRING: return .text(text())
        default: return .other
        }
    }
}
