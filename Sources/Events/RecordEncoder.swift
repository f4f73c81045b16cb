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
        return json.finish()
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
        return json.finish()
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
        return json.finish()
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

    /// Text in the making. Short pieces are most of it: each is copied with one look at the room that is left.
    private struct Writer {
        /// What is written, and room behind it.
        private var room: [UInt8]
        private var count = 0

        init(reserving capacity: Int) { room = [UInt8](repeating: 0, count: max(64, capacity)) }

        /// What was written.
        consuming func finish() -> [UInt8] {
            room.removeLast(room.count - count)
            return room
        }

        mutating func append(_ text: StaticString) {
            text.withUTF8Buffer { unsafe append($0) }
        }

        /// The shortest text that reads back as the same number; it is finite.
        mutating func append(_ number: some FloatingPoint & LosslessStringConvertible) {
            append(plain: number.description)
        }

        mutating func append(_ number: some BinaryInteger) {
            append(plain: number.description)
        }

        /// A JSON string (RFC 8259, section 7): quotes, backslashes and control characters escaped.
        mutating func append(string: String) {
            append(UInt8(ascii: "\""))
            if string.utf8.allSatisfy(Self.isPlain) { append(plain: string) } else { append(escaping: string) }
            append(UInt8(ascii: "\""))
        }

        private mutating func append(plain text: String) {
            let isCopied: Void? = unsafe text.utf8.withContiguousStorageIfAvailable { unsafe append($0) }
            if isCopied == nil { for byte in text.utf8 { append(byte) } }
        }

        private mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
            makeRoom(for: bytes.count)
            let place = count
            unsafe room.withUnsafeMutableBytes { room in
                unsafe UnsafeMutableRawBufferPointer(rebasing: room[place...]).copyMemory(from: UnsafeRawBufferPointer(bytes))
            }
            count += bytes.count
        }

        private mutating func append(_ byte: UInt8) {
            makeRoom(for: 1)
            room[count] = byte
            count += 1
        }

        private mutating func makeRoom(for size: Int) {
            guard count + size > room.count else { return }
            room.append(contentsOf: repeatElement(0, count: max(size, room.count)))
        }

        private static func isPlain(_ byte: UInt8) -> Bool {
            byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
        }

        private mutating func append(escaping string: String) {
            for byte in string.utf8 {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                    append(UInt8(ascii: "\\"))
                    append(byte)
                case 0..<0x20:
                    append(#"\u00"#)
                    append(Self.digit(byte >> 4))
                    append(Self.digit(byte & 15))
                default: append(byte)
                }
            }
        }

        private static func digit(_ value: UInt8) -> UInt8 {
            value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
        }
    }
}
