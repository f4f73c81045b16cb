/// What is acted on: the external identifier of an item.
///
/// 1 to 256 bytes of UTF-8, compared byte by byte: two spellings that Unicode calls equivalent are
/// two identifiers here, as they are two keys in Kafka.
public struct ItemID: Sendable {
    /// The identifier's text.
    public let text: String

    /// The largest number of UTF-8 bytes in an identifier.
    public static let bytesMax = 256

    /// - Returns: nil where `text` is empty or longer than ``bytesMax``.
    public init?(_ text: String) {
        guard (1...Self.bytesMax).contains(text.utf8.count) else { return nil }
        self.text = text
    }
}

extension ItemID: Hashable {
    public static func == (left: Self, right: Self) -> Bool { IdentifierBytes.areEqual(left.text, right.text) }

    public func hash(into hasher: inout Hasher) { IdentifierBytes.hash(text, into: &hasher) }
}

extension ItemID: CustomStringConvertible {
    public var description: String { text }
}
