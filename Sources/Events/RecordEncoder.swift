internal import FoundationEssentials

/// Writes records as JSON, in the order of the contract. A focused writer of bytes: a general encoder
/// costs more than making the list.
public enum RecordEncoder {
    /// The value of a record of the recommendations topic.
    public static func encode(_ list: Recommendation) -> [UInt8] {
        var json = Writer(reserving: 200 + 80 * list.items.count)
        json.append(#"{"user":"#)
        json.append(string: list.user.text)
        json.append(#","items":["#)
        for (place, scored) in list.items.enumerated() {
            json.append(place > 0 ? #",{"item":"# : #"{"item":"#)
            json.append(string: scored.item.text)
            json.append(#","score":"#)
            json.append(scored.score)
            if let reason = scored.because {
                json.append(#","because":["#)
                json.append(string: reason.text)
                json.append("]")
            }
            json.append("}")
        }
        json.append(#"],"as_of":"#)
        json.append(list.asOf.milliseconds)
        json.append(#","generated_at":"#)
        json.append(list.generatedAt.milliseconds)
        json.append(#","model":{"encoder":"#)
        json.append(string: list.model.encoder)
        json.append(#","version":"#)
        json.append(list.model.version)
        json.append("}")
        if let source = list.source {
            json.append(#","source":{"topic":"#)
            json.append(string: source.topicPartition.topic)
            json.append(#","partition":"#)
            json.append(source.topicPartition.partition)
            json.append(#","offset":"#)
            json.append(source.offset)
            json.append("}")
        }
        json.append("}")
        return json.bytes
    }

    /// The value of a record of the events topic.
    public static func encode(_ event: Event) -> [UInt8] {
        var json = Writer(reserving: 160)
        json.append(#"{"user":"#)
        json.append(string: event.user.text)
        json.append(#","item":"#)
        json.append(string: event.item.text)
        json.append(#","type":"#)
        json.append(string: event.type)
        json.append(#","timestamp":"#)
        json.append(event.timestamp.milliseconds)
        if let value = event.value, value.isFinite {
            json.append(#","value":"#)
            json.append(value)
        }
        if let id = event.id {
            json.append(#","id":"#)
            json.append(string: id)
        }
        json.append("}")
        return json.bytes
    }

    /// The value of a record of the sessions topic.
    public static func encode(_ session: KeptSession) -> [UInt8] {
        var json = Writer(reserving: 160 + 48 * (session.events.count + session.purchased.count) + 22 * session.ids.count)
        json.append(#"{"user":"#)
        json.append(string: session.user.text)
        json.append(#","events":["#)
        append(session.events, to: &json)
        json.append(#"],"purchased":["#)
        append(session.purchased, to: &json)
        json.append("]")
        if !session.ids.isEmpty {
            json.append(#","ids":"#)
            json.append(string: Data(RecentID.bytes(of: session.ids)).base64EncodedString())
        }
        if let newest = session.newest {
            json.append(#","newest":"#)
            json.append(newest.milliseconds)
        }
        json.append(#","through":{"topic":"#)
        json.append(string: session.through.topicPartition.topic)
        json.append(#","partition":"#)
        json.append(session.through.topicPartition.partition)
        json.append(#","offset":"#)
        json.append(session.through.offset)
        json.append("}}")
        return json.bytes
    }

    private static func append(_ entries: [KeptSession.Entry], to json: inout Writer) {
        for (place, entry) in entries.enumerated() {
            json.append(place > 0 ? #",{"item":"# : #"{"item":"#)
            json.append(string: entry.item.text)
            json.append(#","type":"#)
            json.append(string: entry.type)
            json.append(#","gap":"#)
            json.append(entry.gap)
            json.append("}")
        }
    }

    private struct Writer {
        private(set) var bytes: [UInt8] = []

        init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

        mutating func append(_ text: StaticString) {
            text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
        }

        /// The shortest text that reads back as the same number; it is finite.
        mutating func append(_ number: some FloatingPoint & LosslessStringConvertible) {
            bytes.append(contentsOf: number.description.utf8)
        }

        mutating func append(_ number: some BinaryInteger) {
            bytes.append(contentsOf: number.description.utf8)
        }

        /// A JSON string (RFC 8259, section 7): quotes, backslashes and control characters escaped.
        mutating func append(string: String) {
            bytes.append(UInt8(ascii: "\""))
            if string.utf8.allSatisfy(Self.isPlain) { bytes.append(contentsOf: string.utf8) } else { append(escaping: string) }
            bytes.append(UInt8(ascii: "\""))
        }

        private static func isPlain(_ byte: UInt8) -> Bool {
            byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
        }

        private mutating func append(escaping string: String) {
            for byte in string.utf8 {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                    bytes.append(UInt8(ascii: "\\"))
                    bytes.append(byte)
                case 0..<0x20:
                    append(#"\u00"#)
                    bytes.append(Self.digit(byte >> 4))
                    bytes.append(Self.digit(byte & 15))
                default: bytes.append(byte)
                }
            }
        }

        private static func digit(_ value: UInt8) -> UInt8 {
            value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
        }
    }
}
