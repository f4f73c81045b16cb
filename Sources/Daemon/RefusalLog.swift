/// Says in the log what becomes of records that cannot be used or delivered: the first of each reason at once, then at
/// most one line a minute with how many there were of each, however many there are.
struct RefusalLog {
    private var told: [String: UInt64] = [:]
    private var quietUntil = Duration.zero

    static let interval = Duration.seconds(60)

    /// - Parameters:
    ///   - counts: by reason, since the start.
    ///   - isLast: whether nothing will be asked again, so that nothing may be kept back.
    /// - Returns: the line that is due; nil for none.
    mutating func line(_ counts: [String: UInt64], now: Duration, isLast: Bool = false) -> String? {
        let isNew = counts.contains { $0.value > 0 && told[$0.key] == nil }
        guard isNew || isLast || now >= quietUntil else { return nil }
        let new = counts.filter { $0.value > told[$0.key] ?? 0 }.sorted { $0.key < $1.key }
        guard !new.isEmpty else { return nil }
        let parts = new.map { "\($0.value - (told[$0.key] ?? 0)) \($0.key)" }
        for (reason, count) in new { told[reason] = count }
        quietUntil = now + Self.interval
        return parts.joined(separator: ", ")
    }
}
