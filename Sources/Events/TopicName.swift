internal import Foundation

/// What Kafka takes as the name of a topic, and what a subscription takes for one.
public enum TopicName {
    private static let bytesMax = 249

    /// What is wrong with a name; nil for nothing.
    public static func problem(_ name: String) -> String? {
        if name == "." || name == ".." { return "is \(name), which Kafka does not take as a name" }
        if name.utf8.count > bytesMax { return "is \(name.utf8.count) characters long, more than Kafka's \(bytesMax)" }
        let isPlain = !name.isEmpty && name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isPlain ? nil : "is \(name): Kafka's topics have names of ASCII letters, digits, '.', '_' and '-'"
    }

    /// Whether a subscription is to every topic that it matches, now and later.
    public static func isPattern(_ subscription: String) -> Bool { subscription.hasPrefix("^") }
}

/// A subscription that begins with `^`: a POSIX extended expression, as librdkafka reads it (rdkafka.h,
/// `rd_kafka_subscribe`).
@safe public final class TopicPattern {
    private var expression = unsafe regex_t()

    /// - Returns: nil where it is no such expression.
    public init?(_ pattern: String) {
        guard unsafe regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) == 0 else { return nil }
    }

    deinit { unsafe regfree(&expression) }

    public func matches(_ topic: String) -> Bool { unsafe regexec(&expression, topic, 0, nil, 0) == 0 }
}
