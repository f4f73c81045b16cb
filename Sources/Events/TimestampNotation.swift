/// How times may be written.
public enum TimestampNotation: Sendable {
    /// In a record: whole seconds or milliseconds, or ISO 8601 with a zone.
    case record
    /// In a file, which people and other programs made: seconds and milliseconds may have a fraction, a date
    /// may stand alone or before a space, and what names no zone is UTC.
    case file
}

extension Timestamp {
    /// 10^11 seconds are the year 5138, 10^11 milliseconds are in 1973: size tells them apart.
    private static let secondsMax: Int64 = 100_000_000_000

    /// Seconds or milliseconds, told apart by size; nil for what is not positive.
    init?(secondsOrMilliseconds number: Int64) {
        guard number > 0 else { return nil }
        self.init(milliseconds: number < Self.secondsMax ? number * 1000 : number)
    }

    /// Reads a number that has a fraction: digits, a point, digits. An exponent is refused: who writes one has
    /// often rounded to six digits.
    init?(decimal text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, let whole = Int64(Substring(parts[0])), whole > 0, Self.isDigits(parts[0]),
            !parts[1].isEmpty, Self.isDigits(parts[1])
        else { return nil }
        let isSeconds = whole < Self.secondsMax
        let scale = isSeconds ? 1000 : 1
        guard let fraction = Double("0." + String(Substring(parts[1]))) else { return nil }
        let (milliseconds, overflow) = (isSeconds ? whole * 1000 : whole).addingReportingOverflow(
            Int64((fraction * Double(scale)).rounded()))
        guard !overflow else { return nil }
        self.init(milliseconds: milliseconds)
    }

    private static func isDigits(_ text: Substring.UTF8View) -> Bool {
        text.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
