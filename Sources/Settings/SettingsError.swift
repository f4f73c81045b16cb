/// One thing that is wrong with a configuration.
public struct SettingsProblem: Equatable, Sendable {
    /// The key, as `section.name`.
    public var key: String
    /// Where it stands in the file; nil where it came from elsewhere.
    public var line: Int?
    public var message: String

    public init(key: String, line: Int?, message: String) {
        self.key = key
        self.line = line
        self.message = message
    }
}

extension SettingsProblem: CustomStringConvertible {
    public var description: String {
        line.map { "line \($0): \(key): \(message)" } ?? "\(key): \(message)"
    }
}

/// Why there are no settings.
public enum SettingsError: Error, Equatable, Sendable {
    case unreadable(path: String, reason: String)
    /// The file says nothing, where that cannot be meant.
    case empty(path: String)
    /// All problems at once, in the order of the file.
    case invalid([SettingsProblem])
}

extension SettingsError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "the configuration \(path) cannot be read: \(reason)"
        case .empty(let path):
            "the configuration \(path) is empty: for the defaults write the keys that have them"
        case .invalid(let problems):
            problems.map(\.description).joined(separator: "\n")
        }
    }
}
