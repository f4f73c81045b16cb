import Testing

@testable import Events

/// A million records that somebody, or something, has damaged: each is decoded within the rules or refused.
@Suite struct MutationTests {
    private static let now = Timestamp(milliseconds: 1_767_225_600_000)

    private static let seeds: [[UInt8]] = [
        #"{"user":"u42","item":"i1007","type":"view","timestamp":1767225600000,"value":4.5,"id":"x","context":{"device":"ios"}}"#,
        #"{"user":7,"item":18446744073709551615,"timestamp":1767225600}"#,
        #"{"item":"é\u00e9\n","timestamp":"2026-01-01T00:00:00.123Z","value":-1e300,"user":"\ud83d\ude00"}"#,
        #"{"user":"u","item":"i","x":[[[[{"a":[1,2,3,null,true]}]]]],"timestamp":1767225600000}"#,
    ].map { Array($0.utf8) }

    private static let pieces: [[UInt8]] = [
        "\"", "{", "}", "[", "]", ":", ",", "\\", "\\u", "null", "true", "1e999", "-", "0", "99999999999999999999", "\"user\":",
        "\"timestamp\":", "\u{0}", "\u{7f}", "2026-02-30T25:61:61Z",
    ].map { Array($0.utf8) } + [[0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5], [0xFF, 0xFE]]

    private struct Generator {
        var state: UInt64

        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(max(1, bound)))
        }

        /// A valid record after one to eight changes of its bytes; now and then, bytes of chance alone.
        mutating func record() -> [UInt8] {
            if below(50) == 0 { return (0..<below(200)).map { _ in UInt8(below(256)) } }
            var record = MutationTests.seeds[below(MutationTests.seeds.count)]
            for _ in 0...below(8) {
                let place = below(record.count + 1)
                switch below(5) {
                case 0: if place < record.count { record[place] = UInt8(below(256)) }
                case 1: if place < record.count { record[place] ^= UInt8(1 << below(8)) }
                case 2: record.removeSubrange(place..<min(record.count, place + below(12)))
                case 3: record.insert(contentsOf: MutationTests.pieces[below(MutationTests.pieces.count)], at: place)
                default: record.insert(contentsOf: record[place..<min(record.count, place + below(40))], at: below(record.count + 1))
                }
            }
            return record
        }
    }

    private struct NoMemory: Error {}

    @Test func aMillionMutatedRecordsAreAcceptedByTheRulesOrRefused() throws {
        var limits = EventLimits()
        limits.recordBytesMax = 1024
        guard var decoder = EventDecoder(fields: EventFields(), limits: limits) else { throw NoMemory() }
        var generator = Generator(state: 1)
        var (accepted, refused, broken) = (0, 0, 0)
        var reasons: Set<EventRefusal> = []
        for number in 0..<1_000_000 {
            let value = generator.record()
            let key: [UInt8]? = number % 3 == 0 ? Array(value.prefix(generator.below(300))) : nil
            do throws(EventRefusal) {
                let record = try decoder.decode(
                    key: key, value: number % 997 == 0 ? nil : value,
                    recordTimestamp: number % 2 == 0 ? Self.now : nil, now: Self.now)
                accepted += 1
                if !Self.isWithinTheRules(record) { broken += 1 }
            } catch {
                refused += 1
                reasons.insert(error)
            }
        }
        #expect(broken == 0)
        #expect(accepted + refused == 1_000_000)
        // Both happen often, and nearly every rule is broken by some: the mutations reach what they should.
        #expect(accepted > 20_000)
        #expect(refused > 200_000)
        #expect(reasons.count >= 9, "\(reasons)")
    }

    private static func isWithinTheRules(_ record: DecodedRecord) -> Bool {
        switch record {
        case .forget(let user):
            return (1...256).contains(user.text.utf8.count)
        case .event(let event):
            return (1...256).contains(event.user.text.utf8.count) && (1...256).contains(event.item.text.utf8.count)
                && (1...256).contains(event.type.utf8.count) && (event.value?.isFinite ?? true)
                && (event.id.map { (1...256).contains($0.utf8.count) } ?? true)
                && event.timestamp.milliseconds > 0 && event.timestamp.milliseconds <= now.milliseconds + 86_400_000
        }
    }
}
