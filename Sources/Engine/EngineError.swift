/// What stops the engine.
public enum EngineError: Error, Equatable, Sendable {
    /// Training produced a number that is not finite. The state on disk is older, and good.
    case diverged(String)
    /// A restored state does not fit this configuration, or does not fit together.
    case stateMismatch(String)
    /// Weights that were handed in are not this model's.
    case weightsMismatch(String)
}

extension EngineError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .diverged(let what):
            "the model has diverged (\(what)); restart to go on from the last checkpoint, with smaller learning rates if it happens again"
        case .stateMismatch(let what):
            "the stored state cannot be used: \(what)"
        case .weightsMismatch(let what):
            "the weights are not this model's: \(what)"
        }
    }
}
