import Events
import Testing

@Suite struct KeptSessionTests {
    private func session(items: [String]) throws -> KeptSession {
        let entries = try items.map {
            KeptSession.Entry(item: try #require(ItemID($0)), type: "a \"type\" \u{1}", gap: 15)
        }
        return KeptSession(
            user: try #require(UserID("ü\\\n")), events: entries, purchased: Array(entries.prefix(1)),
            ids: items.indices.map { RecentID(name: .max - UInt64($0), place: 0x0102_0304_0506_0708 << UInt64($0)) },
            newest: Timestamp(milliseconds: 1_767_225_600_123),
            through: RecordSource(topicPartition: TopicPartition(topic: "events", partition: 3), offset: 991))
    }

    @Test func whatIsWrittenReadsBack() throws {
        for items in [[], ["i1"], ["i1", "\u{0}", "\"", "日本"]] {
            let session = try session(items: items)
            #expect(KeptSession(json: RecordEncoder.encode(session)) == session)
        }
        var bare = try session(items: [])
        bare.newest = nil
        #expect(KeptSession(json: RecordEncoder.encode(bare)) == bare)
    }

    @Test func everyTruncationAndEveryBrokenByteIsASessionOrNone() throws {
        let bytes = RecordEncoder.encode(try session(items: ["i1", "i2"]))
        for count in 0..<bytes.count { #expect(KeptSession(json: Array(bytes.prefix(count))) == nil) }
        for place in bytes.indices {
            var broken = bytes
            broken[place] ^= 0x80
            // Not UTF-8 any more.
            #expect(KeptSession(json: broken) == nil)
        }
    }

    @Test func aRecordFromBeforeIDsWentAlongHasNone() throws {
        let old = #"{"user":"u","events":[],"purchased":[],"through":{"topic":"t","partition":0,"offset":1}}"#
        #expect(try #require(KeptSession(json: Array(old.utf8))).ids == [])
    }

    @Test(arguments: ["AAAA", "AAAAAAAAAAAAAAAAAAAAAA", "\u{e9}", "=", "AAAAAAAAAAAAAAAAAAAAAAA="])
    func idsThatAreNoneAreRefused(text: String) {
        let record = #"{"user":"u","events":[],"purchased":[],"ids":"\#(text)","through":{"topic":"t","partition":0,"offset":1}}"#
        #expect(KeptSession(json: Array(record.utf8)) == nil)
    }

    @Test(arguments: [
        #""newest":9223372036854775807,"through":{"topic":"t","partition":0,"offset":1}"#,
        #""newest":-9223372036854775808,"through":{"topic":"t","partition":0,"offset":1}"#,
        #""through":{"topic":"t","partition":0,"offset":-1}"#,
        #""through":{"topic":"t","partition":-1,"offset":1}"#,
        #""through":{"topic":"t","partition":0,"offset":9223372036854775808}"#,
    ])
    func timesAndPlacesThatAreNoneAreRefused(rest: String) {
        #expect(KeptSession(json: Array(#"{"user":"u","events":[],"purchased":[],\#(rest)}"#.utf8)) == nil)
    }

    @Test func idsAreReadInWholeAndBounded() {
        let ids = (0..<UInt64(KeptSession.entriesMax)).map { RecentID(name: $0 &* 0x9E37_79B9_7F4A_7C15, place: ~$0) }
        let bytes = RecentID.bytes(of: ids)
        #expect(RecentID.ids(bytes) == ids)
        #expect(RecentID.ids(bytes + [UInt8](repeating: 0, count: 16)) == nil)
        #expect(RecentID.ids([]) == [])
        for count in 1..<16 { #expect(RecentID.ids(Array(bytes.prefix(count))) == nil) }
    }

    @Test func namesThatAreNoneAreRefused() {
        let through = #""through":{"topic":"t","partition":0,"offset":1}"#
        #expect(KeptSession(json: Array(#"{"user":"","events":[],"purchased":[],\#(through)}"#.utf8)) == nil)
        #expect(KeptSession(json: Array(#"{"user":"u","events":[{"item":"","type":"v","gap":0}],"purchased":[],\#(through)}"#.utf8)) == nil)
        #expect(KeptSession(json: Array(#"{"user":"u","events":[{"item":"i","type":"v","gap":256}],"purchased":[],\#(through)}"#.utf8)) == nil)
        #expect(KeptSession(json: Array(#"{"user":"u","events":[],"purchased":[],\#(through)}"#.utf8)) != nil)
    }
}
