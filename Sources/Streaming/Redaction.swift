/// Keeps secrets among the properties out of what is said of them: librdkafka's own sentences name values now and then,
/// whole or from some place on.
public struct Redaction: Sendable {
    /// Pieces of secrets, `window` bytes each; shorter secrets whole.
    private let pieces: Set<[UInt8]>
    private let lengths: [Int]

    /// What is hidden of a secret is each piece of this length: no more than one less gets out.
    private static let window = 5
    private static let mask = Array("***".utf8)

    public init(_ properties: [String: String]) {
        var pieces: Set<[UInt8]> = []
        for (name, value) in properties where Self.isSecret(name) {
            let bytes = Array(value.utf8)
            if bytes.count < Self.window {
                if !bytes.isEmpty { pieces.insert(bytes) }
            } else {
                for start in 0...bytes.count - Self.window { pieces.insert(Array(bytes[start..<start + Self.window])) }
            }
        }
        self.pieces = pieces
        lengths = Set(pieces.map(\.count)).sorted()
    }

    /// Whether the value of a property is nobody's business; the place of a file is no secret.
    static func isSecret(_ name: String) -> Bool {
        guard !name.hasSuffix(".location") else { return false }
        return ["password", "passphrase", "secret", "token", "credential", "jaas", ".pem", "key", "oauthbearer.config", "oauthbearer.extensions"]
            .contains { name.lowercased().contains($0) }
    }

    /// The text with every piece of a secret masked.
    public func clean(_ text: String) -> String {
        guard !pieces.isEmpty else { return text }
        let bytes = Array(text.utf8)
        var isHidden = [Bool](repeating: false, count: bytes.count)
        for length in lengths where length <= bytes.count {
            for start in 0...bytes.count - length where pieces.contains(Array(bytes[start..<start + length])) {
                for place in start..<start + length { isHidden[place] = true }
            }
        }
        var cleaned: [UInt8] = []
        for place in bytes.indices {
            if !isHidden[place] {
                cleaned.append(bytes[place])
            } else if place == 0 || !isHidden[place - 1] {
                cleaned += Self.mask
            }
        }
        return String(decoding: cleaned, as: UTF8.self)
    }

    /// librdkafka's sentence about one property, without its value.
    static func clean(_ text: String, about name: String, value: String) -> String {
        if isSecret(name) { return "librdkafka does not take its value" }
        return value.isEmpty ? text : text.replacing("\"\(value)\"", with: "\"***\"")
    }
}
