internal import CRdKafka
internal import Dispatch
internal import Events
internal import Synchronization

/// The one call whose limit librdkafka 2.0.2 does not keep, made on a thread of its own and waited for with a limit.
///
/// `rd_kafka_send_offsets_to_transaction` returns when the group's coordinator has answered (rdkafka_txnmgr.c waits with
/// `RD_POLL_INFINITE`), and while that has no connection nothing ever does (rdkafka_coord.c never looks at
/// `creq_ts_timeout`). Whoever called it would stand still until the brokers are back.
///
/// One object is one call. After a wait that was too short, wait again: the same call goes on.
@safe final class OffsetsCall: Sendable {
    private enum State {
        case underWay
        case returned(TransactionError?)
    }

    private let state = Mutex(State.underWay)
    private let returned = DispatchSemaphore(value: 0)
    private static let thread = DispatchQueue(label: "freshet-offsets", attributes: .concurrent)

    /// Begins the call; `body` makes it.
    init(_ body: @escaping @Sendable () -> TransactionError?) {
        Self.thread.async { [self] in
            let outcome = body()
            state.withLock { $0 = .returned(outcome) }
            returned.signal()
        }
    }

    /// Whether the client is still in use by it: then it must not be destroyed.
    var isUnderWay: Bool {
        state.withLock { state in
            if case .underWay = state { return true }
            return false
        }
    }

    /// Waits at most `timeout`.
    ///
    /// - Returns: whether it has returned.
    func wait(_ timeout: Duration) -> Bool {
        if isUnderWay { _ = returned.wait(timeout: .now() + .milliseconds(Int(timeout.milliseconds))) }
        return !isUnderWay
    }

    /// How it ended; nil for well, or not yet.
    var failure: TransactionError? {
        state.withLock { state in
            if case .returned(let failure) = state { return failure }
            return nil
        }
    }
}
