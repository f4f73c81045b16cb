/// Why a record cannot be used: one case for each rule of the event record.
public enum EventRefusal: String, Error, CaseIterable, Sendable {
    case tooLarge = "too_large"
    case tooDeep = "too_deep"
    case notJSON = "not_json"
    case missingUser = "missing_user"
    case invalidUser = "invalid_user"
    case missingItem = "missing_item"
    case invalidItem = "invalid_item"
    case invalidType = "invalid_type"
    case invalidTimestamp = "invalid_timestamp"
    case missingTimestamp = "missing_timestamp"
    case timestampOutOfRange = "timestamp_out_of_range"
    case invalidValue = "invalid_value"
    case invalidID = "invalid_id"

    /// A short stable word for metrics.
    public var reason: String { rawValue }

    /// The part of the path that refused, as Kafka Connect names its stages.
    public var stage: String {
        switch self {
        case .tooLarge, .tooDeep, .notJSON: "VALUE_CONVERTER"
        default: "TRANSFORMATION"
        }
    }
}

extension EventRefusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLarge: "the record is larger than the limit (events.bytes_max)"
        case .tooDeep: "the record is nested more than 1000 deep"
        case .notJSON: "the value is not a JSON object in UTF-8"
        case .missingUser: "the record names no user, and its key is empty"
        case .invalidUser: "the user is not a string or an integer of 1 to 256 bytes of UTF-8"
        case .missingItem: "the record names no item"
        case .invalidItem: "the item is not a string or an integer of 1 to 256 bytes of UTF-8"
        case .invalidType: "the type is not a string of 1 to 256 bytes"
        case .invalidTimestamp: "the timestamp is neither an integer nor an ISO 8601 date and time that exists, with its zone"
        case .missingTimestamp: "neither the value nor the record has a timestamp"
        case .timestampOutOfRange: "the timestamp is before 1990 or too far in the future"
        case .invalidValue: "the value is not a finite number"
        case .invalidID: "the id is not a string or an integer of 1 to 256 bytes of UTF-8"
        }
    }
}
