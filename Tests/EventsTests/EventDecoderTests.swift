import Testing

@testable import Events

private struct NoMemory: Error {}

@Suite struct EventDecoderTests {
    static let now = Timestamp(milliseconds: 1_767_225_600_000)

    private func decode(_ value: String?, key: String? = nil, recordTimestamp: Int64? = nil) throws -> DecodedRecord {
        var limits = EventLimits()
        limits.recordBytesMax = 4096
        guard var decoder = EventDecoder(fields: EventFields(), limits: limits) else { throw NoMemory() }
        return try decoder.decode(
            key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) },
            recordTimestamp: recordTimestamp.map(Timestamp.init(milliseconds:)), now: Self.now)
    }

    private func refusal(_ value: String?, key: String? = nil) -> EventRefusal? {
        do {
            _ = try decode(value, key: key)
            return nil
        } catch {
            return error as? EventRefusal
        }
    }

    @Test func readsEveryPartOfARecord() throws {
        let record = try decode(
            #"{"user":"u42","item":"i1007","type":"purchase","timestamp":1767225600000,"value":4.5,"id":"x","context":{"device":"ios"}}"#)
        guard case .event(let event) = record else { throw EventRefusal.notJSON }
        #expect(event.user.text == "u42")
        #expect(event.item.text == "i1007")
        #expect(event.type == "purchase")
        #expect(event.timestamp == Self.now)
        #expect(event.value == 4.5)
        #expect(event.id == "x")
    }

    @Test func readsIntegersSecondsDatesAndTheKey() throws {
        let record = try decode(#"{"item":18446744073709551615,"timestamp":1767225600}"#, key: "u1")
        guard case .event(let event) = record else { throw EventRefusal.notJSON }
        #expect(event.user.text == "u1")
        #expect(event.item.text == "18446744073709551615")
        #expect(event.timestamp == Self.now)
        let dated = try decode(#"{"user":7,"item":"a","timestamp":"2026-01-01T00:00:00Z"}"#)
        guard case .event(let other) = dated else { throw EventRefusal.notJSON }
        #expect(other.user.text == "7")
        #expect(other.timestamp == Self.now)
        #expect(other.type == "view")
    }

    @Test func takesTheRecordsTimestampWhereTheValueHasNone() throws {
        let record = try decode(#"{"user":"u","item":"i"}"#, recordTimestamp: 1_700_000_000_000)
        guard case .event(let event) = record else { throw EventRefusal.notJSON }
        #expect(event.timestamp.milliseconds == 1_700_000_000_000)
    }

    @Test func readsATombstoneAsForgetting() throws {
        #expect(try decode(nil, key: "u1") == .forget(#require(UserID("u1"))))
        #expect(refusal(nil) == .missingUser)
    }

    static let longID = String(repeating: "x", count: 257)

    @Test(arguments: [
        ("", EventRefusal.notJSON), ("nonsense", .notJSON), ("[1]", .notJSON), (#"{"user":"u""#, .notJSON),
        (#"{"item":"i","timestamp":1767225600000}"#, .missingUser),
        (#"{"user":true,"item":"i","timestamp":1767225600000}"#, .invalidUser),
        (#"{"user":"","item":"i","timestamp":1767225600000}"#, .invalidUser),
        (#"{"user":"\#(longID)","item":"i","timestamp":1767225600000}"#, .invalidUser),
        (#"{"user":"u","timestamp":1767225600000}"#, .missingItem),
        (#"{"user":"u","item":1.5,"timestamp":1767225600000}"#, .invalidItem),
        (#"{"user":"u","item":"\#(longID)","timestamp":1767225600000}"#, .invalidItem),
        (#"{"user":"u","item":"i","type":7,"timestamp":1767225600000}"#, .invalidType),
        (#"{"user":"u","item":"i"}"#, .missingTimestamp),
        (#"{"user":"u","item":"i","timestamp":"yesterday"}"#, .invalidTimestamp),
        (#"{"user":"u","item":"i","timestamp":1.5}"#, .invalidTimestamp),
        (#"{"user":"u","item":"i","timestamp":-1}"#, .timestampOutOfRange),
        (#"{"user":"u","item":"i","timestamp":9767225600000}"#, .timestampOutOfRange),
        (#"{"user":"u","item":"i","timestamp":1767225600000,"value":"much"}"#, .invalidValue),
        (#"{"user":"u","item":"i","timestamp":1767225600000,"id":{}}"#, .invalidID),
    ]) func refusesEachBrokenRule(value: String, expected: EventRefusal) {
        #expect(refusal(value) == expected)
    }

    @Test func refusesWhatIsTooLargeOrTooDeep() {
        let large = #"{"user":"u","item":"i","x":""# + String(repeating: "y", count: 5000) + #""}"#
        #expect(refusal(large) == .tooLarge)
        let deep = #"{"user":"u","item":"i","x":"# + String(repeating: "[", count: 1000) + String(repeating: "]", count: 1000) + "}"
        #expect(refusal(deep) == .tooDeep)
    }

    @Test func survivesEveryTruncationAndEveryCorruptedByte() throws {
        let valid = Array(#"{"user":"u42","item":"i1007","timestamp":1767225600000,"value":4.5}"#.utf8)
        guard var decoder = EventDecoder(fields: EventFields(), limits: EventLimits()) else { throw NoMemory() }
        var refused = 0
        for length in valid.indices { refused += Self.isRefused(Array(valid[..<length]), by: &decoder) ? 1 : 0 }
        #expect(refused == valid.count, "no part of a record is a record")
        for place in valid.indices {
            for byte in [UInt8(0), 0x22, 0x7b, 0x80, 0xff] {
                var corrupted = valid
                corrupted[place] = byte
                _ = Self.isRefused(corrupted, by: &decoder)
            }
        }
    }

    private static func isRefused(_ bytes: [UInt8], by decoder: inout EventDecoder) -> Bool {
        do {
            _ = try decoder.decode(key: nil, value: bytes, recordTimestamp: nil, now: now)
            return false
        } catch {
            return true
        }
    }

    @Test func encodedEventsDecodeToThemselves() throws {
        let event = Event(
            user: try #require(UserID("a\"b\\c\n\u{1}é")), item: try #require(ItemID("i")), type: "purchase",
            timestamp: Self.now, value: -0.25, id: "n")
        let record = try decode(String(decoding: RecordEncoder.encode(event), as: UTF8.self))
        #expect(record == .event(event))
    }
}
