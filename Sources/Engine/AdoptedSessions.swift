internal import Checkpoints
internal import Events

/// Sessions that another instance wrote down further than it committed: their newest events will be read again,
/// and are in them already. Few, and forgotten as reading passes them.
struct AdoptedSessions {
    private var through: [UserID: RecordSource] = [:]

    /// Keeps that `user`'s session has all up to `source`.
    mutating func insert(_ user: UserID, through source: RecordSource) {
        through[user] = source
    }

    mutating func remove(_ user: UserID) {
        through[user] = nil
    }

    /// Its offsets mean nothing any more.
    mutating func removeAll(of partition: TopicPartition) {
        through = through.filter { $0.value.topicPartition != partition }
    }

    /// Whether the event at `source` is in the session of `user` already.
    mutating func has(_ user: UserID, at source: RecordSource) -> Bool {
        guard let last = through[user], last.topicPartition == source.topicPartition else { return false }
        if source.offset >= last.offset { through[user] = nil }
        return source.offset <= last.offset
    }

    /// How many, then each, in the order of the users' names.
    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.write(UInt32(through.count))
        for user in through.keys.sorted(by: { $0.text < $1.text }) {
            guard let source = through[user] else { continue }
            writer.write(user.text)
            writer.write(source.topicPartition.topic)
            writer.write(source.topicPartition.partition)
            writer.write(source.offset)
        }
        return writer.bytes
    }

    mutating func restore(_ bytes: [UInt8]) throws(PayloadError) {
        var reader = ByteReader(bytes)
        for _ in 0..<(try reader.read(UInt32.self)) {
            let name = try reader.readText()
            let topic = try reader.readText()
            let partition = try reader.read(Int32.self)
            let offset = try reader.read(Int64.self)
            guard let user = UserID(name) else { throw .inconsistent("an adopted session is nobody's") }
            let place = TopicPartition(topic: topic, partition: partition)
            through[user] = RecordSource(topicPartition: place, offset: offset)
        }
    }
}
