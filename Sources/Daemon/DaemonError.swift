internal import Delivery
public import Engine
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

    /// sysexits(3), as the README lists them.
    public var exitCode: Int32 {
        switch self {
        case .state, .engine(.stateMismatch), .engine(.weightsMismatch): 74
        case .engine(.diverged), .decoder: 70
        case .streaming(let error):
            switch error.recovery {
            case .reconfigure: 78
            case .restart, .retry: 75
            default: 69
            }
        case .transaction(let error): error.recovery == .stop ? 75 : 69
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
