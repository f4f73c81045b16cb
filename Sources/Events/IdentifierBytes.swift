internal import Glibc

/// Identifiers as what they are in Kafka: bytes. Whole buffers at a time: every event looks two of them up, and
/// a restore millions.
enum IdentifierBytes {
    static func areEqual(_ left: String, _ right: String) -> Bool {
        var (left, right) = (left, right)
        return left.withUTF8 { left in
            right.withUTF8 { right in
                guard left.count == right.count else { return false }
                guard let start = left.baseAddress, let other = right.baseAddress else { return true }
                return unsafe memcmp(start, other, left.count) == 0
            }
        }
    }

    static func hash(_ text: String, into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // No identifier is the beginning of another: what is hashed after it cannot be shifted into it.
        hasher.combine(UInt8(0xFF))
    }
}
