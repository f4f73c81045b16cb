import Events
import Streaming

/// Events whose users and items never stop being new: ids of every length, second copies, tombstones, and records
/// that cannot be used.
struct ChurnTraffic {
    static let start: Int64 = 1_767_225_600_000
    /// Users and items that ever were.
    private(set) var distinctUsers = 0
    private(set) var distinctItems = 0
    private var produced: Int64 = 0
    private var state: UInt64 = 11
    /// Users and items that are met again are among so many of the newest.
    private let users: Int
    private let items: Int

    private static let newUserPercent = 30
    private static let newItemPercent = 10
    /// No user or item is longer than this.
    private static let paddingMax = 60

    init(users: Int, items: Int) {
        self.users = users
        self.items = items
    }

    mutating func record(at source: RecordSource) -> KafkaRecord {
        produced += 1
        let userNumber = pick(of: distinctUsers, newPercent: Self.newUserPercent, among: users)
        let itemNumber = pick(of: distinctItems, newPercent: Self.newItemPercent, among: items)
        distinctUsers = max(distinctUsers, userNumber + 1)
        distinctItems = max(distinctItems, itemNumber + 1)
        let (user, item) = (name("user", userNumber), name("item", itemNumber))
        var value: [UInt8]?
        switch below(100) {
        case 0: value = Array("not JSON".utf8)
        case 1: value = nil
        default:
            // Now and then an id that was there a short while ago.
            let id = produced - Int64(below(50) == 0 ? below(1000) : 0)
            value = Array(
                (#"{"user":"\#(user)","item":"\#(item)","type":"\#(below(20) == 0 ? "purchase" : "view")","#
                    + #""timestamp":\#(Self.start + produced),"id":"\#(id)"}"#).utf8)
        }
        return KafkaRecord(
            source: source, timestamp: Timestamp(milliseconds: Self.start + produced), key: Array(user.utf8), value: value,
            headers: [])
    }

    /// - Returns: `count` for one that is new.
    private mutating func pick(of count: Int, newPercent: Int, among recent: Int) -> Int {
        if count == 0 || below(100) < newPercent { return count }
        return count - 1 - below(min(count, recent))
    }

    private func name(_ word: String, _ number: Int) -> String {
        "\(word)-\(number)" + String(repeating: "x", count: number % Self.paddingMax)
    }

    private mutating func below(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }
}
