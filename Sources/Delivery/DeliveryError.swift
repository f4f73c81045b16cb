public import Engine
public import Events
public import StateStore
public import Streaming

/// What ends a delivery loop.
public enum DeliveryError: Error, Sendable {
    case engine(EngineError)
    case streaming(StreamingError)
    /// A transaction that cannot be gone on with; `.fenced` where a newer instance took over.
    case transaction(TransactionError)
    /// The last checkpoint could not be written.
    case state(StateStoreError)
}

extension DeliveryError {
    /// What to do about it.
    public var recovery: Recovery {
        switch self {
        case .engine(let error): error.recovery
        case .streaming(let error): error.recovery
        case .transaction(let error): error.policy
        case .state(let error): error.recovery
        }
    }
}

extension DeliveryError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .engine(let error): error.description
        case .streaming(let error): error.description
        case .transaction(let error): error.description
        case .state(let error): error.description
        }
    }
}
