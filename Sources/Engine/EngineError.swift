public import Events

/// What stops the engine.
public enum EngineError: Error, Equatable, Sendable {
    /// Training produced a number that is not finite. The state on disk is older, and good.
    case diverged(String)
    /// A stored state does not fit this configuration.
    case stateMismatch(String)
    /// A stored state does not fit together: its parts are not those of one engine.
    case stateInconsistent(String)
    /// Weights that were handed in are not this model's.
    case weightsMismatch(String)
}

extension EngineError {
    /// What to do about it.
    public var recovery: Recovery {
        switch self {
        case .diverged: .restart
        case .stateMismatch: .reconfigure
        case .stateInconsistent: .restoreState
        case .weightsMismatch: .correctCommand
        }
    }
}

extension EngineError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .diverged(let what):
            "the model has diverged (\(what)); restart to go on from the last checkpoint, with smaller learning rates if it happens again"
        case .stateMismatch(let what):
            "the stored state cannot be used: \(what)"
        case .stateInconsistent(let what):
            "the stored state is damaged: \(what); go on from the copy before it with `freshet inspect --recover`, or name another state.directory"
        case .weightsMismatch(let what):
            "the weights are not this model's: \(what)"
        }
    }
}
