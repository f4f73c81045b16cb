internal import Foundation

extension SettingsReader {
    /// A path: no shell stands between the configuration and Freshet, so `~` is read here.
    mutating func path(_ key: String, default standard: String) -> String {
        let path = Self.expanded(text(key, default: standard))
        if path.hasPrefix("~") { report(key, "is \(path), and there is no such user's home: write the path out") }
        return path
    }

    /// With the home of the user, or of a named one, in the place of a leading `~`; as it is where there is none.
    static func expanded(_ path: String) -> String {
        path.hasPrefix("~") ? NSString(string: path).expandingTildeInPath : path
    }
}
