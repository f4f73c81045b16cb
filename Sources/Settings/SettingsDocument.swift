internal import Foundation
internal import Yams

/// The raw values behind the settings, by key, from every source, the strongest last: file,
/// environment, `--set`.
struct SettingsDocument {
    enum Content: Equatable {
        case scalar(String)
        case list([String])
        case map([String: String])
    }

    struct Entry: Equatable {
        var content: Content
        /// Line in the file; nil for the environment and `--set`.
        var line: Int?
    }

    private(set) var entries: [String: Entry] = [:]
    private(set) var problems: [SettingsProblem] = []

    /// Keys whose value is a map of the user's own names.
    private static let mapKeys: Set<String> = ["kafka.properties", "learning.event_weights"]
    /// Sections deeper than this are a mistake.
    private static let depthMax = 4
    private static let fileBytesMax = 1 << 20

    /// Reads a YAML file.
    mutating func read(file path: String) throws(SettingsError) {
        let text: String
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            guard data.count <= Self.fileBytesMax, let decoded = String(data: data, encoding: .utf8) else {
                throw SettingsError.unreadable(path: path, reason: "it is not UTF-8 text of at most 1 MiB")
            }
            text = decoded
        } catch let error as SettingsError {
            throw error
        } catch {
            throw .unreadable(path: path, reason: "check that it exists and may be read")
        }
        do {
            guard let root = try Yams.compose(yaml: text) else { return }
            collect(root, key: "", depth: 0)
        } catch let error as YamlError {
            throw .invalid([SettingsProblem(key: path, line: nil, message: "\(error)")])
        } catch {
            throw .unreadable(path: path, reason: "\(error)")
        }
    }

    /// Reads `FRESHET_SECTION_NAME` variables for the keys in `known`.
    mutating func read(environment: [String: String], known: [String]) {
        let names = Dictionary(
            known.map { ("FRESHET_" + $0.uppercased().replacingOccurrences(of: ".", with: "_"), $0) },
            uniquingKeysWith: { first, _ in first })
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
            guard let key = names[name] else { continue }
            entries[key] = Entry(content: .scalar(value), line: nil)
        }
    }

    /// Reads `key=value` words.
    mutating func read(overrides: [String]) {
        for word in overrides {
            guard let separator = word.firstIndex(of: "="), separator != word.startIndex else {
                problems.append(SettingsProblem(key: "--set \(word)", line: nil, message: "is not key=value"))
                continue
            }
            let key = String(word[..<separator])
            let value = String(word[word.index(after: separator)...])
            if let owner = Self.mapKeys.first(where: { key.hasPrefix($0 + ".") }) {
                var map: [String: String] = [:]
                if case .map(let earlier)? = entries[owner]?.content { map = earlier }
                map[String(key.dropFirst(owner.count + 1))] = value
                entries[owner] = Entry(content: .map(map), line: nil)
            } else {
                entries[key] = Entry(content: .scalar(value), line: nil)
            }
        }
    }

    private mutating func collect(_ node: Node, key: String, depth: Int) {
        let line = node.mark?.line
        switch node {
        case .scalar(let scalar):
            if key.isEmpty {
                problems.append(SettingsProblem(key: "the file", line: line, message: "is not a map of sections"))
            } else if node.null == nil {
                set(key, .scalar(scalar.string), line)
            }
        case .sequence(let sequence):
            let words = sequence.compactMap { $0.scalar?.string }
            if words.count == sequence.count { set(key, .list(words), line) } else { report(key, line, "is not a list of words") }
        case .mapping(let mapping) where Self.mapKeys.contains(key):
            collectMap(mapping, key: key, line)
        case .mapping(let mapping):
            guard depth < Self.depthMax else { return report(key, line, "is nested too deep") }
            for (name, value) in mapping {
                guard let name = name.scalar?.string else { continue }
                collect(value, key: key.isEmpty ? name : key + "." + name, depth: depth + 1)
            }
        case .alias:
            report(key, line, "is an alias; write the value out")
        }
    }

    private mutating func collectMap(_ mapping: Node.Mapping, key: String, _ line: Int?) {
        var map: [String: String] = [:]
        for (name, value) in mapping {
            guard let name = name.scalar?.string, let value = value.scalar?.string else {
                report(key, line, "is not a map of words")
                continue
            }
            map[name] = value
        }
        set(key, .map(map), line)
    }

    private mutating func set(_ key: String, _ content: Content, _ line: Int?) {
        entries[key] = Entry(content: content, line: line)
    }

    private mutating func report(_ key: String, _ line: Int?, _ message: String) {
        problems.append(SettingsProblem(key: key, line: line, message: message))
    }
}
