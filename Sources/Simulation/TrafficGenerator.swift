internal import Events
internal import SequenceModels
internal import Streaming

/// Makes what arrives: events of a few users and items, tombstones, and records of every kind that cannot
/// be used, in groups, some of them in transactions that are aborted.
struct TrafficGenerator {
    var chance: SeededGenerator
    var partitions: Int32
    private var produced: Int64 = 0

    private static let users = 10
    private static let items = 18
    private static let start: Int64 = 1_767_225_000_000

    init(chance: SeededGenerator, partitions: Int32) {
        self.chance = chance
        self.partitions = partitions
    }

    /// - Parameter records: how many there are, about.
    mutating func traffic(records: Int) -> [Traffic] {
        var traffic: [Traffic] = []
        var call = 0
        while produced < records {
            // Users keep to their partition, as the keys of a topic do.
            let partition = Int32(chance.next(below: Int(partitions)))
            let ending: Traffic.Ending = switch chance.next(below: 8) {
            case 0: .aborted
            case 1: .committed
            default: .plain
            }
            let inputs = (0..<1 + chance.next(below: 8)).map { _ in input(partition) }
            traffic.append(Traffic(inputs: inputs, ending: ending, call: call, partition: partition))
            call += chance.next(below: 30)
        }
        return traffic
    }

    private mutating func input(_ partition: Int32) -> Traffic.Input {
        produced += 1
        let user = "u\(chance.next(below: Self.users))-\(partition)"
        let timestamp = Timestamp(milliseconds: Self.start + produced * 10)
        var input = Traffic.Input(
            kind: .refused, key: Array(user.utf8), value: nil, headers: headers(), timestamp: timestamp)
        switch chance.next(below: 14) {
        case 0:
            input.kind = .forget(user: user)
        case 1, 2:
            input.value = garbage(user)
        case 3:
            // A tombstone that names nobody.
            input.key = nil
        case 4:
            // The key names the user.
            let item = chance.next(below: Self.items)
            input.kind = .event(user: user, item: "\(item)", type: "view")
            input.value = Array(#"{"item":\#(item)}"#.utf8)
        default:
            let type = chance.next(below: 6) == 0 ? "purchase" : "view"
            let item = "i\(chance.next(below: Self.items))"
            input.kind = .event(user: user, item: item, type: type)
            input.value = Array(
                (#"{"user":"\#(user)","item":"\#(item)","type":"\#(type)","#
                    + #""timestamp":\#(timestamp.milliseconds)}"#).utf8)
        }
        return input
    }

    private mutating func garbage(_ user: String) -> [UInt8] {
        switch chance.next(below: 7) {
        case 0: []
        case 1: Array("not JSON".utf8)
        case 2: (0..<1 + chance.next(below: 40)).map { _ in 0x80 | UInt8(truncatingIfNeeded: chance.next()) }
        case 3: Array(#"{"user":"\#(user)"}"#.utf8)
        case 4: Array(#"{"user":"\#(user)","item":{"deep":1}}"#.utf8)
        case 5: Array(#"{"user":"\#(user)","item":"\#(String(repeating: "x", count: 300))"}"#.utf8)
        default: Array(#"{"user":"\#(user)","item":"i1","timestamp":99999999999999}"#.utf8)
        }
    }

    private mutating func headers() -> [KafkaHeader] {
        guard chance.next(below: 3) == 0 else { return [] }
        return [
            KafkaHeader(name: "traceparent", text: "00-\(produced)"),
            KafkaHeader(name: "binary", value: [0, 255, UInt8(truncatingIfNeeded: chance.next())]),
            KafkaHeader(name: "nothing", value: nil),
        ]
    }
}
