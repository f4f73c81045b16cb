/// A place as the text of a header: the topic, the partition and the offset, with a space between each two.
extension RecordSource {
    public var headerText: String { "\(topicPartition.topic) \(topicPartition.partition) \(offset)" }

    /// - Returns: nil for what ``headerText`` never is.
    public init?(header: [UInt8]) {
        guard let text = String(validating: header, as: UTF8.self) else { return nil }
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, !words[0].isEmpty, let partition = Int32(words[1]), let offset = Int64(words[2]),
            partition >= 0, offset >= 0
        else { return nil }
        self.init(topicPartition: TopicPartition(topic: String(words[0]), partition: partition), offset: offset)
        // A sign or a leading zero reads as a number too.
        guard headerText.utf8.elementsEqual(header) else { return nil }
    }
}
