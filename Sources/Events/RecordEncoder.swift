/// Writes records as JSON, in the order of the contract. A focused writer: a general encoder costs
/// more than making the list.
public enum RecordEncoder {
    /// The value of a record of the recommendations topic.
    public static func encode(_ list: Recommendation) -> [UInt8] {
        var text = "{\"user\":"
        append(string: list.user.text, to: &text)
        text += ",\"items\":["
        for (place, scored) in list.items.enumerated() {
            if place > 0 { text += "," }
            text += "{\"item\":"
            append(string: scored.item.text, to: &text)
            text += ",\"score\":\(scored.score)"
            if !scored.because.isEmpty {
                text += ",\"because\":["
                for (reasonPlace, reason) in scored.because.enumerated() {
                    if reasonPlace > 0 { text += "," }
                    append(string: reason.text, to: &text)
                }
                text += "]"
            }
            text += "}"
        }
        text += "],\"as_of\":\(list.asOf.milliseconds),\"generated_at\":\(list.generatedAt.milliseconds)"
        text += ",\"model\":{\"encoder\":"
        append(string: list.model.encoder, to: &text)
        text += ",\"version\":\(list.model.version)}"
        if let source = list.source {
            text += ",\"source\":{\"topic\":"
            append(string: source.topicPartition.topic, to: &text)
            text += ",\"partition\":\(source.topicPartition.partition),\"offset\":\(source.offset)}"
        }
        text += "}"
        return Array(text.utf8)
    }

    /// The value of a record of the events topic.
    public static func encode(_ event: Event) -> [UInt8] {
        var text = "{\"user\":"
        append(string: event.user.text, to: &text)
        text += ",\"item\":"
        append(string: event.item.text, to: &text)
        text += ",\"type\":"
        append(string: event.type, to: &text)
        text += ",\"timestamp\":\(event.timestamp.milliseconds)"
        if let value = event.value, value.isFinite { text += ",\"value\":\(value)" }
        if let id = event.id {
            text += ",\"id\":"
            append(string: id, to: &text)
        }
        text += "}"
        return Array(text.utf8)
    }

    /// A JSON string (RFC 8259, section 7): quotes, backslashes and control characters escaped.
    private static func append(string: String, to text: inout String) {
        text.append("\"")
        if string.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5c }) {
            text += string
        } else {
            for scalar in string.unicodeScalars {
                switch scalar {
                case "\"": text += "\\\""
                case "\\": text += "\\\\"
                case _ where scalar.value < 0x20:
                    let hexadecimal = String(scalar.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
                default: text.unicodeScalars.append(scalar)
                }
            }
        }
        text.append("\"")
    }
}
