internal import CRdKafka
public import Events

/// Transactions, each call one of librdkafka's, blocking for at most its time-out.
extension Producer: RecordProducer {
    public func initTransactions(timeout: Duration) throws(TransactionError) {
        try unsafe Self.check(rd_kafka_init_transactions(client.handle, timeout.milliseconds))
    }

    public func beginTransaction() throws(TransactionError) {
        // One of the transaction before, which was aborted meanwhile: its outcome is of no interest any more.
        if let call = offsetsCall, !call.wait(.milliseconds(100)) { throw Self.offsetsAreWaitedFor }
        offsetsCall = nil
        try unsafe Self.check(rd_kafka_begin_transaction(client.handle))
    }

    /// A call that took longer than `timeout` goes on: calling again waits for the same one.
    public func sendOffsets(
        _ offsets: [TopicPartition: Int64], group: GroupMetadata, timeout: Duration
    ) throws(TransactionError) {
        let call = offsetsCall ?? beginSending(offsets, group, timeout)
        offsetsCall = call
        guard call.wait(timeout) else { throw Self.offsetsAreWaitedFor }
        offsetsCall = nil
        if let failure = call.failure { throw failure }
    }

    private func beginSending(
        _ offsets: [TopicPartition: Int64], _ group: GroupMetadata, _ timeout: Duration
    ) -> OffsetsCall {
        // The client lives as long as the call is under way: see `deinit`.
        let handle = UInt(bitPattern: unsafe client.handle)
        return OffsetsCall {
            let list = PartitionList(offsets.map { ($0.key, $0.value) })
            do throws(TransactionError) {
                var membership: OpaquePointer?
                try unsafe Self.check(
                    group.bytes.withUnsafeBytes {
                        unsafe rd_kafka_consumer_group_metadata_read(&membership, $0.baseAddress, $0.count)
                    })
                defer { unsafe rd_kafka_consumer_group_metadata_destroy(membership) }
                try unsafe Self.check(
                    rd_kafka_send_offsets_to_transaction(
                        OpaquePointer(bitPattern: handle), list.list, membership, timeout.milliseconds))
                return nil
            } catch {
                return error
            }
        }
    }

    private static var offsetsAreWaitedFor: TransactionError {
        TransactionError(recovery: .retry, name: "the group's coordinator has not answered yet", detail: "")
    }

    public func commitTransaction(timeout: Duration) throws(TransactionError) {
        try unsafe Self.check(rd_kafka_commit_transaction(client.handle, timeout.milliseconds))
    }

    public func abortTransaction(timeout: Duration) throws(TransactionError) {
        try unsafe Self.check(rd_kafka_abort_transaction(client.handle, timeout.milliseconds))
    }

    /// Takes librdkafka's own classes over, in the order in which its header asks for them.
    private static func check(_ error: OpaquePointer?) throws(TransactionError) {
        guard let error = unsafe error else { return }
        defer { unsafe rd_kafka_error_destroy(error) }
        let code = unsafe rd_kafka_error_code(error)
        let recovery: TransactionError.Recovery
        if isFenced(code) {
            recovery = .fenced
        } else if isRefused(code) {
            recovery = .refused
        } else if unsafe rd_kafka_error_is_fatal(error) != 0 {
            recovery = .stop
        } else if unsafe rd_kafka_error_txn_requires_abort(error) != 0 {
            recovery = .abort
        } else if unsafe rd_kafka_error_is_retriable(error) != 0 {
            recovery = .retry
        } else {
            recovery = .stop
        }
        throw unsafe TransactionError(
            recovery: recovery, name: String(cString: rd_kafka_err2str(code)),
            detail: String(cString: rd_kafka_error_string(error)))
    }

    private static func isRefused(_ code: rd_kafka_resp_err_t) -> Bool {
        [.operator, .reconfigure].contains(ErrorPolicy.recovery(of: code))
    }

    private static func isFenced(_ code: rd_kafka_resp_err_t) -> Bool {
        code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED
            || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH
    }
}
