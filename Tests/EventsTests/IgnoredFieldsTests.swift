import Testing

@testable import Events

/// What a record says beyond the fields that were asked for is ignored, whatever JSON it is; a field that was
/// asked for keeps its rules.
@Suite struct IgnoredFieldsTests {
    private struct NoMemory: Error {}

    private static let now = Timestamp(milliseconds: 1_767_225_600_000)

    private func decode(_ bytes: [UInt8], fields: EventFields = EventFields()) throws -> Event {
        guard var decoder = EventDecoder(fields: fields, limits: EventLimits()) else { throw NoMemory() }
        let record = try decoder.decode(key: nil, value: bytes, recordTimestamp: Self.now, now: Self.now)
        guard case .event(let event) = record else { throw EventRefusal.notJSON }
        return event
    }

    private func refusal(_ text: String) -> EventRefusal? {
        do {
            _ = try decode(Array(text.utf8))
            return nil
        } catch {
            return error as? EventRefusal
        }
    }

    private static func nested(_ depth: Int) -> String {
        String(repeating: #"{"a":["#, count: depth / 2) + "1" + String(repeating: "]}", count: depth / 2)
    }

    @Test(arguments: [
        "18446744073709551616", "-9223372036854775809", "123456789012345678901234567890123456789", "1e400", "-1e400", "1e-400",
        #""\ud83d""#, #""\ude00\ud83d""#, #""cut \ud83d here""#, #"{"\ud83d":1}"#, #"["\udfff",1e999,{"x":99999999999999999999}]"#,
        nested(32), nested(64), nested(996), "-0", "1.5E+3", #""""#, #""\u0000""#, "[]", "{}", "[[],{}]", "null", "true", "false",
    ]) func aFieldThatNobodyAskedForMayBeAnyJSON(value: String) throws {
        for record in [
            #"{"x":\#(value),"user":"u","item":"i"}"#, #"{"user":"u","x": \#(value) ,"item":"i"}"#,
            #"{"user":"u","item":"i","context":{"y":[\#(value),\#(value)]}}"#,
        ] {
            let event = try decode(Array(record.utf8))
            #expect(event.user.text == "u")
            #expect(event.item.text == "i")
        }
    }

    @Test(arguments: [
        #"{"user":"u","item":"i"} x"#, #"{"user":"u","item":"i"}}"#, #"{"user":"u","item":"i"},"#, #"{"user":"u","item":"i"}{}"#,
        #"{"user":"u","item":"i","x":nul}"#, #"{"user":"u","item":"i","x":01}"#, #"{"user":"u","item":"i","x":1.}"#,
        #"{"user":"u","item":"i","x":+1}"#, #"{"user":"u","item":"i","x":NaN}"#, #"{"user":"u","item":"i","x":"\x"}"#,
        #"{"user":"u","item":"i","x":"\u12g4"}"#, #"{"user":"u","item":"i","x":[1,]}"#, #"{"user":"u","item":"i","x":[1}"#,
        #"{"user":"u","item":"i","x":{"a"}}"#, #"{"user":"u","item":"i",}"#, #"{"user":"u","item":"i","x":'1'}"#,
        "{\"user\":\"u\",\"item\":\"i\",\"x\":\"\t\"}", #"{"user":"u" "item":"i"}"#, "\u{feff}", "\u{feff}\u{feff}{}",
    ]) func whatIsNoJSONIsRefusedWhereverItStands(record: String) {
        #expect(refusal(record) == .notJSON)
    }

    @Test func bytesThatAreNoUTF8AreRefusedWhereverTheyStand() {
        let record = Array(#"{"user":"u","item":"i","x":"caf"#.utf8) + [0xE9] + Array(#""}"#.utf8)
        #expect(throws: EventRefusal.notJSON) { try self.decode(record) }
    }

    @Test func theDocumentedDepthIsReachedAndNoMore() throws {
        #expect(EventLimits().depthMax == 1000)
        for depth in [999, 1000] {
            let brackets = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            #expect(refusal(#"{"user":"u","item":"i","x":\#(brackets)}"#) == (depth == 999 ? nil : .tooDeep))
        }
    }

    @Test func aByteOrderMarkBeforeARecordIsPassedOver() throws {
        let event = try decode([0xEF, 0xBB, 0xBF] + Array(#"{"user":"u","item":"i"}"#.utf8))
        #expect(event.user.text == "u")
    }

    @Test(arguments: [
        (#"{"user":"\ud83d","item":"i"}"#, EventRefusal.invalidUser), (#"{"user":"u","item":"a\ude00"}"#, .invalidItem),
        (#"{"user":"u","item":"i","type":"\ud83d\u0041"}"#, .invalidType), (#"{"user":"u","item":"i","id":"\ud83d"}"#, .invalidID),
        (#"{"user":"u","item":"i","timestamp":"\ud83d"}"#, .invalidTimestamp),
        (#"{"user":"u","item":"i","timestamp":1e400}"#, .invalidTimestamp),
        (#"{"user":"u","item":"i","timestamp":99999999999999999999}"#, .timestampOutOfRange),
        (#"{"user":"u","item":"i","value":1e400}"#, .invalidValue), (#"{"user":"u","item":"i","value":-1e400}"#, .invalidValue),
        (#"{"user":1e400,"item":"i"}"#, .invalidUser), (#"{"user":"u","item":{"id":"i"}}"#, .invalidItem),
        (#"{"user":["u"],"item":"i"}"#, .invalidUser), (#"{"user":"u","item":false}"#, .invalidItem),
        (#"{"user":"u","item":"i","value":[1]}"#, .invalidValue), (#"{"user":"u","item":1.0}"#, .invalidItem),
    ]) func aFieldThatWasAskedForKeepsItsRules(record: String, expected: EventRefusal) {
        #expect(refusal(record) == expected)
    }

    @Test func numbersAreReadAsTheyAreWritten() throws {
        let long = "123456789012345678901234567890123456789"
        let event = try decode(Array(#"{"user":\#(long),"item":-\#(long),"value":100000000000000000000,"id":-0}"#.utf8))
        #expect(event.user.text == long)
        #expect(event.item.text == "-" + long)
        #expect(event.value == 1e20)
        #expect(event.id == "0")
        #expect(try decode(Array(#"{"user":9223372036854775808,"item":"i","value":1e-400}"#.utf8)).value == 0)
        let tooLong = String(repeating: "9", count: 257)
        #expect(refusal(#"{"user":\#(tooLong),"item":"i"}"#) == .invalidUser)
    }

    @Test func ofAKeyThatComesTwiceTheFirstCounts() throws {
        let event = try decode(Array(#"{"user":"a","item":"i","user":"b","item":{},"\u0069tem":7}"#.utf8))
        #expect(event.user.text == "a")
        #expect(event.item.text == "i")
    }

    /// As everywhere in RFC 6901: keys with ~ and /, empty keys, places in arrays.
    @Test func pointersLeadIntoObjectsAndArrays() throws {
        var fields = EventFields()
        (fields.user, fields.item) = ("/actor/user/id", "/items/1/id")
        (fields.type, fields.value, fields.id) = ("/a~1b/m~0n", "//x", "/actor/user/id")
        let event = try decode(
            Array(
                #"""
                {"id":"no","actor":{"id":"no","user":{"x":{"id":"no"},"\u0069d":"é\u00e9\ud83d\ude00","id":"later"}},
                 "items":[{"id":"i0"},{"ids":1,"id":"i1"},{"id":"i2"}],"a/b":{"m~n":"buy"},"":{"x":2.5},"x":7}
                """#.utf8), fields: fields)
        #expect(event.user.text == "éé😀")
        #expect(event.item.text == "i1")
        #expect(event.type == "buy")
        #expect(event.value == 2.5)
        #expect(event.id == "éé😀")
    }

    /// The first value on the way decides; what only looks like the way is another one.
    @Test func aPointerDoesNotLeaveItsWay() throws {
        var fields = EventFields()
        (fields.type, fields.id) = ("/a/b", "/list/01")
        for record in [
            #"{"user":"u","item":"i","a":1,"a":{"b":"x"}}"#, #"{"user":"u","item":"i","a":{"c":1},"a":{"b":"x"}}"#,
            #"{"user":"u","item":"i","x":{"b":"x"},"b":"x","a":{"c":{"b":"x"}}}"#, #"{"user":"u","item":"i","a":["b"],"c":{"b":"x"}}"#,
        ] {
            #expect(try decode(Array(record.utf8), fields: fields).type == Event.defaultType, "\(record)")
        }
        #expect(try decode(Array(#"{"user":"u","item":"i","list":["a","b"]}"#.utf8), fields: fields).id == nil)
        #expect(try decode(Array(#"{"user":"u","item":"i","list":{"01":"b"}}"#.utf8), fields: fields).id == "b")
    }
}
