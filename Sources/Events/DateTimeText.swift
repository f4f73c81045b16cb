/// Reads dates with times as RFC 3339 writes ISO 8601: `2026-01-01T00:00:00.123+01:00`.
///
/// A moment that the calendar or the clock does not have is refused: 30 February, hour 25, minute 61, zone
/// +02:99. Seconds may be left out; a fraction is rounded to milliseconds. 24:00:00 is the end of a day, and
/// 23:59:60 UTC at the end of a month, a leap second, is the second that follows it.
struct DateTimeText {
    private var rest: ArraySlice<UInt8>
    private let notation: TimestampNotation

    private struct Malformed: Error {}

    private static let textBytesMax = 64
    private static let dayMilliseconds: Int64 = 86_400_000

    private init(_ text: String, _ notation: TimestampNotation) {
        rest = Array(text.utf8)[...]
        self.notation = notation
    }

    /// - Returns: nil for what is no date and time, or one that never was or will be.
    static func timestamp(_ text: String, _ notation: TimestampNotation) -> Timestamp? {
        guard text.utf8.count <= textBytesMax else { return nil }
        var reader = Self(text, notation)
        do throws(Malformed) {
            return Timestamp(milliseconds: try reader.milliseconds())
        } catch {
            return nil
        }
    }

    private mutating func milliseconds() throws(Malformed) -> Int64 {
        let date = try date()
        let midnight = date.number * Self.dayMilliseconds
        if rest.isEmpty, notation == .file { return midnight }
        guard skip("T") || skip("t") || (notation == .file && skip(" ")) else { throw Malformed() }
        let hour = try number(digits: 2, 0...24)
        guard skip(":") else { throw Malformed() }
        let minute = try number(digits: 2, 0...59)
        let second = skip(":") ? try number(digits: 2, 0...60) : 0
        let fraction = try fraction()
        // The end of the day is a moment; there is nothing after it.
        guard hour < 24 || (minute == 0 && second == 0 && fraction == 0) else { throw Malformed() }
        let minutes = hour * 60 + minute - (try zoneMinutes())
        guard rest.isEmpty, second < 60 || Self.hasLeapSecond(minutes, date) else { throw Malformed() }
        return midnight + (minutes * 60 + second) * 1000 + fraction
    }

    /// A day, as days since 1970-01-01.
    private struct Day {
        var number: Int64
        var isFirstOfMonth: Bool
        var isLastOfMonth: Bool
    }

    private mutating func date() throws(Malformed) -> Day {
        let year = try number(digits: 4, 0...9999)
        let separator: Unicode.Scalar = notation == .file && rest.first == UInt8(ascii: "/") ? "/" : "-"
        guard skip(separator) else { throw Malformed() }
        let month = try number(digits: 2, 1...12)
        guard skip(separator) else { throw Malformed() }
        let length = Self.days(inMonth: month, of: year)
        let day = try number(digits: 2, 1...length)
        return Day(number: Self.days(year, month, day), isFirstOfMonth: day == 1, isLastOfMonth: day == length)
    }

    /// Leap seconds end a month in UTC (ITU-R TF.460), where the local date may be the next month's first.
    private static func hasLeapSecond(_ minutes: Int64, _ date: Day) -> Bool {
        minutes == 1439 ? date.isLastOfMonth : minutes == -1 && date.isFirstOfMonth
    }

    /// Milliseconds after a point or a comma, rounded; 0 where there are none.
    private mutating func fraction() throws(Malformed) -> Int64 {
        guard skip(".") || skip(",") else { return 0 }
        var (thousandths, place, digits): (Int64, Int64, Int) = (0, 1000, 0)
        while let digit = digit() {
            // The fourth digit decides how the third is rounded.
            if place > 1 {
                place /= 10
                thousandths += digit * place
            } else if digits == 3, digit >= 5 {
                thousandths += 1
            }
            digits += 1
        }
        guard digits > 0 else { throw Malformed() }
        return thousandths
    }

    private mutating func zoneMinutes() throws(Malformed) -> Int64 {
        if notation == .file {
            if rest.isEmpty { return 0 }
            if skip(" ") {
                let name = String(decoding: rest, as: UTF8.self)
                if name == "UTC" || name == "GMT" {
                    rest = []
                    return 0
                }
            }
        }
        if skip("Z") || skip("z") { return 0 }
        let sign: Int64 = rest.first == UInt8(ascii: "-") ? -1 : 1
        guard skip("+") || skip("-") else { throw Malformed() }
        let hours = try number(digits: 2, 0...23)
        if rest.isEmpty { return sign * hours * 60 }
        _ = skip(":")
        return sign * (hours * 60 + (try number(digits: 2, 0...59)))
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func digit() -> Int64? {
        guard let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        rest.removeFirst()
        return Int64(byte - UInt8(ascii: "0"))
    }

    private mutating func number(digits: Int, _ range: ClosedRange<Int64>) throws(Malformed) -> Int64 {
        var number: Int64 = 0
        for _ in 0..<digits {
            guard let digit = digit() else { throw Malformed() }
            number = number * 10 + digit
        }
        guard range.contains(number) else { throw Malformed() }
        return number
    }
}

/// The calendar.
extension DateTimeText {
    private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01 in the Gregorian calendar. Years begin in March here, so that a leap day ends one:
    /// the months before a month then have (153 m + 2) / 5 days.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let marchMonth = (month + 9) % 12
        // 400 years more, so that year 0 has no negative one before it; 400 years are 146,097 days.
        let shifted = marchYear + 400
        let before = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400
        let epochDay: Int64 = 719_468 + 146_097
        return before + (153 * marchMonth + 2) / 5 + day - 1 - epochDay
    }
}
