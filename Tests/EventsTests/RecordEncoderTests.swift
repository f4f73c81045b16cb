import Foundation
import Testing

@testable import Events

@Suite struct RecordEncoderTests {
    @Test func aListIsTheContractsJSON() throws {
        let list = Recommendation(
            user: try #require(UserID("u\"\\\n\u{1f}é")),
            items: [
                ScoredItem(item: try #require(ItemID("i9")), score: 2.31, because: try #require(ItemID("a\"b"))),
                ScoredItem(item: try #require(ItemID("i8")), score: -0.5),
                ScoredItem(item: try #require(ItemID("i7")), score: 1e-20),
            ], asOf: Timestamp(milliseconds: 1_767_225_600_123), generatedAt: Timestamp(milliseconds: 1_767_225_600_131),
            model: ModelVersion(encoder: "gru", version: UInt64.max),
            source: RecordSource(topicPartition: TopicPartition(topic: "events", partition: 3), offset: 991))
        let bytes = RecordEncoder.encode(list)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"user":"u\"\\\u000a\u001fé","items":[{"item":"i9","score":2.31,"because":["a\"b"]},{"item":"i8","score":-0.5},{"item":"i7","score":1e-20}],"as_of":1767225600123,"generated_at":1767225600131,"model":{"encoder":"gru","version":18446744073709551615},"source":{"topic":"events","partition":3,"offset":991}}"#)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        #expect(object["user"] as? String == "u\"\\\n\u{1f}é")
    }
}
