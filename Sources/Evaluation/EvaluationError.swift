public import Engine

/// Why a back-test cannot be run.
public enum EvaluationError: Error, Equatable, Sendable {
    case tooManyEvents(max: Int)
    case engine(EngineError)
}

extension EvaluationError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooManyEvents(let max): "the files hold more than \(max) events: evaluate a part of them"
        case .engine(let error): error.description
        }
    }
}
