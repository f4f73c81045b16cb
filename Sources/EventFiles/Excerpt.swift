/// Some bytes of a file as part of a message: quoted, short, what is no UTF-8 or not printable as \xE9.
enum Excerpt {
    private static let bytesMax = 60

    static func of(_ bytes: [UInt8]) -> String {
        var text = ""
        if let whole = String(validating: bytes.prefix(bytesMax), as: UTF8.self) {
            for scalar in whole.unicodeScalars { text += scalar.value < 0x20 ? scalar.escaped(asASCII: true) : String(scalar) }
        } else {
            for byte in bytes.prefix(bytesMax) {
                text += (0x20..<0x7F).contains(byte) ? String(Unicode.Scalar(byte)) : "\\x" + String(byte, radix: 16, uppercase: true)
            }
        }
        return "\"\(text)\"" + (bytes.count > bytesMax ? "..." : "")
    }
}
