import Events
import Testing

@Suite struct RecordSourceTests {
    @Test func aHeaderReadsBack() {
        for (topic, partition, offset) in [("events", 0, 0), ("Ünï.code_-", 7, 991), ("t", Int32.max, Int64.max)] as [(String, Int32, Int64)] {
            let source = RecordSource(topicPartition: TopicPartition(topic: topic, partition: partition), offset: offset)
            #expect(RecordSource(header: Array(source.headerText.utf8)) == source)
        }
    }

    @Test(arguments: [
        "", "events", "events 0", "events 0 x", "events 99999999999 1", "events 0 1 2", "\u{FFFD} ", " 0 1", "events  0 1",
        "events 0 1 ", "events -1 1", "events 0 -1", "events +0 1", "events 00 1", "events 0 9223372036854775808", "events 0 1\n",
    ])
    func aHeaderThatNamesNoPlaceIsNone(text: String) {
        #expect(RecordSource(header: Array(text.utf8)) == nil)
    }

    @Test func everyTruncationAndEveryBrokenByteIsAPlaceOrNone() {
        let bytes = Array("events 12 345".utf8)
        #expect(RecordSource(header: [0xFF, 0x20, 0xC0]) == nil)
        for count in 0..<bytes.count {
            let source = RecordSource(header: Array(bytes.prefix(count)))
            // What is left of the offset is an offset.
            #expect((source == nil) == (count < 11))
        }
        for place in bytes.indices {
            for value in UInt8.min...UInt8.max {
                var broken = bytes
                broken[place] = value
                guard let source = RecordSource(header: broken) else { continue }
                #expect(Array(source.headerText.utf8) == broken)
            }
        }
    }
}
