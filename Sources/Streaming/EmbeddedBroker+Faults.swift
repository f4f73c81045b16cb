internal import CRdKafka

/// What a test has the brokers do wrong.
extension EmbeddedBroker {
    /// Requests by their numbers in Kafka's protocol.
    public enum Request: Int16, Sendable {
        case produce = 0
        case fetch = 1
        case offsetCommit = 8
        case initProducerID = 22
        case addPartitionsToTransaction = 24
        case addOffsetsToTransaction = 25
        case endTransaction = 26
        case transactionOffsetCommit = 28
    }

    /// Error codes by Kafka's names.
    public enum Refusal: Sendable {
        case coordinatorNotAvailable, notCoordinator, requestTimedOut, invalidTransactionState, producerFenced
        case outOfOrderSequence, unknownProducerID, recordListTooLarge, transport

        var code: rd_kafka_resp_err_t {
            switch self {
            case .coordinatorNotAvailable: RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE
            case .notCoordinator: RD_KAFKA_RESP_ERR_NOT_COORDINATOR
            case .requestTimedOut: RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT
            case .invalidTransactionState: RD_KAFKA_RESP_ERR_INVALID_TXN_STATE
            case .producerFenced: RD_KAFKA_RESP_ERR_PRODUCER_FENCED
            case .outOfOrderSequence: RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER
            case .unknownProducerID: RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID
            case .recordListTooLarge: RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE
            case .transport: RD_KAFKA_RESP_ERR__TRANSPORT
            }
        }
    }

    /// The next requests of a kind are answered with these errors, one each.
    public func refuse(_ request: Request, with refusals: [Refusal]) {
        let codes = refusals.map(\.code)
        unsafe rd_kafka_mock_push_request_errors_array(cluster, request.rawValue, codes.count, codes)
    }

    /// Each answer of a broker takes this long from now on: a very long time is a broker that stands still.
    public func setRoundTrip(of number: Int, _ time: Duration) {
        unsafe rd_kafka_mock_broker_set_rtt(cluster, Int32(number), time.milliseconds)
    }
}
