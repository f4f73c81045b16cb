import Testing

@testable import Events

/// Times as text: what exists is read to the millisecond, what does not is refused and never moved.
@Suite struct DateTimeTextTests {
    private struct NoMemory: Error {}

    private static let now = Timestamp(milliseconds: 1_900_000_000_000)

    private func outcome(_ text: String) throws -> Result<Int64, EventRefusal> {
        guard var decoder = EventDecoder(fields: EventFields(), limits: EventLimits()) else { throw NoMemory() }
        do throws(EventRefusal) {
            let record = try decoder.decode(
                key: nil, value: Array(#"{"user":"u","item":"i","timestamp":"\#(text)"}"#.utf8), recordTimestamp: nil, now: Self.now)
            guard case .event(let event) = record else { return .failure(.notJSON) }
            return .success(event.timestamp.milliseconds)
        } catch {
            return .failure(error)
        }
    }

    /// Computed with Python's datetime.
    @Test(arguments: [
        ("2026-01-01T00:00:00Z", 1_767_225_600_000), ("2026-01-01t00:00:00z", 1_767_225_600_000),
        ("2026-01-01T00:00:00.123Z", 1_767_225_600_123), ("2026-01-01T00:00:00,5Z", 1_767_225_600_500),
        ("2026-01-01T00:00:00.1234Z", 1_767_225_600_123), ("2026-01-01T00:00:00.1235Z", 1_767_225_600_124),
        ("2025-12-31T23:59:59.999999999Z", 1_767_225_600_000), ("2026-01-01T00:00Z", 1_767_225_600_000),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600_000), ("2025-12-31T18:30:00-0530", 1_767_225_600_000),
        ("2026-01-01T14:00:00+14", 1_767_225_600_000), ("2025-12-31T12:00:00-12:00", 1_767_225_600_000),
        ("2026-01-01T00:00:00-00:00", 1_767_225_600_000), ("2025-12-31T24:00:00Z", 1_767_225_600_000),
        ("2024-02-29T12:34:56Z", 1_709_210_096_000), ("2000-02-29T00:00:00Z", 951_782_400_000),
        ("1990-01-01T00:00:00Z", 631_152_000_000), ("2023-03-01T00:00:00Z", 1_677_628_800_000),
        // Leap seconds, in UTC and as clocks elsewhere showed them.
        ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("2016-12-31T23:59:60.5Z", 1_483_228_800_500),
        ("2017-01-01T00:59:60+01:00", 1_483_228_800_000), ("2016-12-31T15:59:60-08:00", 1_483_228_800_000),
    ]) func aTimeThatExistsIsReadToTheMillisecond(text: String, milliseconds: Int64) throws {
        #expect(try outcome(text) == .success(milliseconds))
    }

    @Test(arguments: [
        "2026-02-30T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-32T00:00:00Z",
        "2026-01-00T00:00:00Z", "2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01T24:00:01Z",
        "2026-01-01T24:01:00Z", "2026-01-01T24:00:00.001Z", "2026-01-01T00:60:00Z", "2026-01-01T00:61:00Z", "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:60Z", "2016-12-30T23:59:60Z", "2016-12-31T23:58:60Z", "2017-01-01T00:59:60+02:00", "2016-12-31T23:59:60-01:00",
        "2026-01-01T00:00:00+02:99", "2026-01-01T00:00:00+02:60", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00-99:00",
        "2026-01-01T00:00:00Zgarbage", "2026-01-01T00:00:00Z ", " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00+01:00x",
        "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+01:0", "2026-01-01T00:00:00+01:", "2026-01-01T00:00:00+", "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01", "2026-01-01T", "2026-01-01Z", "2026-01-01T00Z", "2026-01-01T0:00:00Z",
        "2026-01-01T00:00:0Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1.2Z", "2026-1-01T00:00:00Z", "26-01-01T00:00:00Z",
        "12026-01-01T00:00:00Z", "+2026-01-01T00:00:00Z", "-2026-01-01T00:00:00Z", "2026/01/01T00:00:00Z", "20260101T000000Z",
        "2026-01-01T-1:00:00Z", "2026-01-01T00:00:00 Z", "٢٠٢٦-01-01T00:00:00Z", "", "Z", "yesterday", "1767225600000", "1767225600.5",
        "2026-01-01T00:00:00." + String(repeating: "0", count: 100) + "Z",
    ]) func aTimeThatDoesNotExistIsRefused(text: String) throws {
        #expect(try outcome(text) == .failure(.invalidTimestamp))
    }

    @Test(arguments: [
        "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1989-12-31T23:59:59.999Z", "9999-12-31T23:59:59Z",
        "2031-01-01T00:00:00Z",
    ]) func aYearThatIsNoEventsIsOutOfRange(text: String) throws {
        #expect(try outcome(text) == .failure(.timestampOutOfRange))
    }

    /// Every day of a hundred years is one after the day before it.
    @Test func daysFollowEachOther() throws {
        var expected: Int64 = 631_152_000_000
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        for year in 1990...2089 {
            for month in 1...12 {
                let isLong = month == 2 && year % 4 == 0
                for day in 1...31 {
                    let text = "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)T00:00:00Z"
                    let read = DateTimeText.timestamp(text, .record)?.milliseconds
                    guard day <= lengths[month - 1] + (isLong ? 1 : 0) else {
                        #expect(read == nil, "\(text)")
                        continue
                    }
                    #expect(read == expected, "\(text)")
                    expected += 86_400_000
                }
            }
        }
    }

    /// Files hold what people and other programs wrote.
    @Test(arguments: [
        ("1396321341", 1_396_321_341_000), ("1396321341123", 1_396_321_341_123), ("1396321341.123", 1_396_321_341_123),
        ("1396321341.0", 1_396_321_341_000), ("1396321341.9996", 1_396_321_342_000), ("1396321341123.0", 1_396_321_341_123),
        ("2014-04-01 03:02:21", 1_396_321_341_000), ("2014-04-01T03:02:21", 1_396_321_341_000), ("2014-04-01 03:02:21.5", 1_396_321_341_500),
        ("2014-04-01 03:02", 1_396_321_320_000), ("2014-04-01", 1_396_310_400_000), ("2014/04/01 03:02:21", 1_396_321_341_000),
        ("2014-04-01 03:02:21 UTC", 1_396_321_341_000), ("2014-04-01 03:02:21 +0200", 1_396_314_141_000),
        ("2014-04-01 03:02:21+02:00", 1_396_314_141_000), ("2014-04-01T03:02:21Z", 1_396_321_341_000),
    ]) func aFileMayWriteTimesInTheUsualWays(text: String, milliseconds: Int64) throws {
        #expect(try EventDecoder.timestamp(ofText: text, limits: EventLimits(), now: Self.now).milliseconds == milliseconds)
    }

    @Test(arguments: [
        "2014-02-30", "2014-04-01 25:00:00", "01.04.2014", "04/01/2014", "2014-04/01", "1.39632e+09", "1396321341.", ".5", "1396321341.1.2", "nan",
        "inf", "0x53", "1396321341,5", "2014-04-01 03:02:21 CET", "2014-04-01 03:02:21 ", "-1396321341.5",
    ]) func whatCouldBeTwoTimesIsRefused(text: String) {
        #expect(throws: EventRefusal.invalidTimestamp) {
            try EventDecoder.timestamp(ofText: text, limits: EventLimits(), now: Self.now)
        }
    }
}
