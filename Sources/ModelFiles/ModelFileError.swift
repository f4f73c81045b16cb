/// Why weights do not go out, or come in.
public enum ModelFileError: Error, Equatable, Sendable {
    case unreadable(path: String)
    /// The file is no safetensors file, or not a whole one.
    case damaged(path: String, reason: String)
    /// The file is whole, but not of this model.
    case doesNotFit(path: String, reason: String)
    case writeFailed(path: String, reason: String)
}

extension ModelFileError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreadable(let path):
            "\(path) cannot be read: check that it exists and may be read"
        case .damaged(let path, let reason):
            "\(path) is no whole safetensors file (\(reason)): export or save it anew; nothing was changed"
        case .doesNotFit(let path, let reason):
            "\(path) does not fit the model (\(reason)): import what `freshet export` named and shaped; nothing was changed"
        case .writeFailed(let path, let reason):
            "\(path) cannot be written (\(reason)): check that its folder exists, may be written to and has room"
        }
    }
}
