internal import CRdKafka
internal import Events

/// A librdkafka list of partitions with offsets, while one call needs it.
@safe struct PartitionList: ~Copyable {
    let list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(_ offsets: [(TopicPartition, Int64)]) {
        unsafe list = rd_kafka_topic_partition_list_new(Int32(offsets.count))
        for (partition, offset) in offsets {
            unsafe rd_kafka_topic_partition_list_add(list, partition.topic, partition.partition).pointee.offset = offset
        }
    }

    deinit {
        unsafe rd_kafka_topic_partition_list_destroy(list)
    }

    var entries: [(partition: TopicPartition, offset: Int64)] {
        unsafe Self.entries(of: list)
    }

    static func entries(
        of list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
    ) -> [(partition: TopicPartition, offset: Int64)] {
        unsafe (0..<Int(list.pointee.cnt)).map { index in
            let element = unsafe list.pointee.elems[index]
            let partition = unsafe TopicPartition(topic: String(cString: element.topic), partition: element.partition)
            return unsafe (partition, element.offset)
        }
    }
}
