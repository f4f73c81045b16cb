internal import Events
internal import Foundation
internal import Streaming

/// What was published, as far as a reader has read it: lists by the event that caused them, tombstones by
/// user, dead letters by where they come from.
struct ObservedOutput {
    struct List {
        var user: String
        var key: [UInt8]?
        var version: UInt64
        var itemCount: Int
    }

    private let names: SimulatedWorld.Names
    private(set) var lists: [RecordSource: [List]] = [:]
    private(set) var tombstones: [String: Int] = [:]
    private(set) var deadLetters: [RecordSource: [OutgoingRecord]] = [:]
    /// For each user, what the newest record says: the event that it answers, nil for a tombstone.
    private(set) var newest: [String: RecordSource?] = [:]
    /// Model versions in the order in which lists of one user were read, where one went back.
    private(set) var versionsThatWentBack: [String] = []
    private var newestVersion: [String: UInt64] = [:]
    private(set) var unreadable: [String] = []

    init(_ names: SimulatedWorld.Names) { self.names = names }

    /// The list's JSON, as the contract has it.
    private struct Document: Decodable {
        struct Item: Decodable { var item: String }
        struct Model: Decodable { var version: UInt64 }
        struct Source: Decodable {
            var topic: String
            var partition: Int32
            var offset: Int64
        }

        var user: String
        var items: [Item]
        var model: Model
        var source: Source
    }

    mutating func add(_ record: OutgoingRecord) {
        if record.topic == names.deadLetters { return addDeadLetter(record) }
        let key = String(decoding: record.key ?? [], as: UTF8.self)
        guard let value = record.value else {
            tombstones[key, default: 0] += 1
            newest[key] = .some(nil)
            return
        }
        // What does not decode is told as it is.
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(value)) else {
            unreadable.append(String(decoding: value, as: UTF8.self))
            return
        }
        let source = RecordSource(
            topicPartition: TopicPartition(topic: document.source.topic, partition: document.source.partition),
            offset: document.source.offset)
        lists[source, default: []].append(
            List(
                user: document.user, key: record.key, version: document.model.version,
                itemCount: Set(document.items.map(\.item)).count))
        newest[key] = source
        if document.model.version < newestVersion[key] ?? 0 {
            versionsThatWentBack.append("\(key) at \(source): \(document.model.version)")
        }
        newestVersion[key] = document.model.version
    }

    private mutating func addDeadLetter(_ record: OutgoingRecord) {
        func text(_ name: String) -> String? {
            record.headers.last { $0.name == "__connect.errors." + name }?.value.map { String(decoding: $0, as: UTF8.self) }
        }
        guard let topic = text("topic"), let partition = text("partition").flatMap(Int32.init),
            let offset = text("offset").flatMap(Int64.init)
        else { return unreadable.append("a dead letter that does not say where it comes from") }
        let source = RecordSource(topicPartition: TopicPartition(topic: topic, partition: partition), offset: offset)
        deadLetters[source, default: []].append(record)
    }

    /// Lists by a model that had learned less than the one that made the same list there: whatever happened in
    /// between, what came before an event is learned before its list is made.
    func agedLists(than other: ObservedOutput) -> [String] {
        var aged: [String] = []
        for source in lists.keys.sorted(by: { ($0.topicPartition.partition, $0.offset) < ($1.topicPartition.partition, $1.offset) }) {
            guard let least = other.lists[source]?.map(\.version).min() else { continue }
            for list in lists[source] ?? [] where list.version < least {
                aged.append("the list for \(source) is of model version \(list.version), not of \(least) or later")
            }
        }
        return aged
    }

    /// How often an input was answered so far.
    func answers(to source: RecordSource, _ input: Traffic.Input) -> Int {
        switch input.kind {
        case .event: lists[source]?.count ?? 0
        case .forget(let user): tombstones[user] ?? 0
        // There is nothing to wait for.
        case .repetition: 1
        case .refused: deadLetters[source]?.count ?? 0
        }
    }
}
