internal import HTTPTypes

/// What stands in a request's path and query, decoded strictly: an escape that is none, or bytes that are no UTF-8, are
/// refused and never taken for something else. A plus is a plus.
struct RequestTarget {
    let path: Substring
    let query: Substring

    init(_ target: String) {
        let end = target.firstIndex(of: "#") ?? target.endIndex
        let mark = target[..<end].firstIndex(of: "?") ?? end
        path = target[..<mark]
        query = target[mark..<end].dropFirst()
    }

    /// A part of the path, counted from 0.
    func segment(_ index: Int) throws(Problem) -> String {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard index < segments.count else { throw Problem(.notFound, "there is no \(path)") }
        return try Self.decode(segments[segments.startIndex + index], in: "path")
    }

    /// The parameters of the query by name.
    ///
    /// - Throws: 400 for a name that is not one of `known`, and for one that stands there twice.
    func parameters(_ known: Set<String>) throws(Problem) -> [String: String] {
        var parameters: [String: String] = [:]
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.decode(parts[0], in: "query")
            guard known.contains(name) else {
                let names = known.isEmpty ? "none" : known.sorted().joined(separator: ", ")
                throw Problem(.badRequest, "\(name) is no parameter of \(path); it takes \(names)")
            }
            let value = parts.count > 1 ? try Self.decode(parts[1], in: "query") : ""
            guard parameters.updateValue(value, forKey: name) == nil else {
                throw Problem(.badRequest, "the parameter \(name) is given twice")
            }
        }
        return parameters
    }

    private static func decode(_ text: Substring, in place: String) throws(Problem) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal) else {
                throw Problem(.badRequest, "the \(place) has a % that two hexadecimal digits do not follow; write %25 for the sign itself")
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw Problem(.badRequest, "the \(place) is not UTF-8 once its escapes are decoded")
        }
        return decoded
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
