internal import Delivery
public import Engine
public import Events
public import StateStore
public import Streaming

/// What ends a daemon, and with which exit code.
public enum DaemonError: Error, Sendable {
    case state(StateStoreError)
    case engine(EngineError)
    case streaming(StreamingError)
    case transaction(TransactionError)
    case decoder

    init(_ error: DeliveryError) {
        switch error {
        case .engine(let error): self = .engine(error)
        case .streaming(let error): self = .streaming(error)
        case .transaction(let error): self = .transaction(error)
        case .state(let error): self = .state(error)
        }
    }

    /// What to do about it.
    public var recovery: Recovery {
        switch self {
        case .state(let error): error.recovery
        case .engine(let error): error.recovery
        case .streaming(let error): error.recovery
        case .transaction(let error): error.policy
        case .decoder: .restart
        }
    }

    public var exitCode: Int32 { recovery.exitCode }

    /// Without what must not be told of the properties that Kafka's client was made with.
    func cleaned(by redaction: Redaction) -> DaemonError {
        switch self {
        case .streaming(.kafka(let name, let detail, let recovery)):
            return .streaming(.kafka(name: name, detail: redaction.clean(detail), recovery: recovery))
        case .transaction(var error):
            error.detail = redaction.clean(error.detail)
            return .transaction(error)
        default: return self
        }
    }
}

extension DaemonError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .state(let error): error.description
        case .engine(let error): error.description
        case .streaming(let error): error.description
        case .transaction(let error): error.description
        case .decoder: "there is no memory for a JSON parser: raise the memory limit"
        }
    }
}
