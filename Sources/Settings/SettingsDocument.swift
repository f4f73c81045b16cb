internal import Events
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
    /// Lines of what stands in a map of the user's own names, by `section.map.name`.
    private(set) var mapLines: [String: Int] = [:]
    private(set) var problems: [SettingsProblem] = []

    var isEmpty: Bool { entries.isEmpty && problems.isEmpty }

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
            throw .invalid([Self.problem(error, path: path)])
        } catch {
            throw .unreadable(path: path, reason: "it is not YAML")
        }
    }

    /// What is wrong and where, without the text around it: that may be a secret.
    private static func problem(_ error: YamlError, path: String) -> SettingsProblem {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            SettingsProblem(key: path, line: mark.line, message: "is not YAML at column \(mark.column): \(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            SettingsProblem(
                key: path, line: context.mark.line,
                message: "names \(duplicates.map(printable).joined(separator: ", ")) twice in one section")
        case .reader(let problem, _, _, _):
            SettingsProblem(key: path, line: nil, message: "holds what YAML does not take: \(problem)")
        default: SettingsProblem(key: path, line: nil, message: "is not YAML")
        }
    }

    /// As much of a name as can be one: where a space or a quote was left out, a value is part of it.
    static func printable(_ name: String) -> String {
        let start = name.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
        return start.count == name.count ? name : start + "…"
    }

    /// Reads `FRESHET_SECTION_NAME` variables for the keys in `known`, and reports others of that prefix.
    mutating func read(environment: [String: String], known: [String]) {
        let names = Dictionary(
            known.map { (EnvironmentNames.prefix + $0.uppercased().replacingOccurrences(of: ".", with: "_"), $0) },
            uniquingKeysWith: { first, _ in first })
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix(EnvironmentNames.prefix) {
            if let key = names[name] {
                entries[key] = Entry(content: .scalar(value), line: nil)
            } else if !EnvironmentNames.isForeign(name, value: value) {
                let hint = EditDistance.nearest(to: name, among: names.keys).map { "; did you mean \($0)?" } ?? ""
                report(name, nil, "is a variable that no key of the configuration has\(hint)")
            }
        }
    }

    /// Reads `key=value` words.
    mutating func read(overrides: [String]) {
        for (place, word) in overrides.enumerated() {
            guard let separator = word.firstIndex(of: "="), separator != word.startIndex else {
                report("--set number \(place + 1)", nil, "is not key=value")
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
        case .scalar where node.null != nil: break
        case .scalar where key.isEmpty: report("the file", line, "is not a map of sections")
        case .scalar(let scalar): set(key, .scalar(scalar.string), line)
        case .sequence(let sequence):
            let words = sequence.compactMap { $0.scalar?.string }
            if words.count == sequence.count { set(key, .list(words), line) } else { report(key, line, "is not a list of words") }
        case .mapping(let mapping) where Self.mapKeys.contains(key):
            collectMap(mapping, key: key, line)
        case .mapping(let mapping):
            guard depth < Self.depthMax else { return report(key, line, "is nested too deep") }
            for (name, value) in mapping {
                guard let name = name.scalar?.string else {
                    report(key.isEmpty ? "the file" : key, name.mark?.line ?? line, "has a key that is not a word")
                    continue
                }
                collect(value, key: key.isEmpty ? name : key + "." + name, depth: depth + 1)
            }
        case .alias:
            report(key, line, "is an alias; write the value out")
        }
    }

    private mutating func collectMap(_ mapping: Node.Mapping, key: String, _ line: Int?) {
        var map: [String: String] = [:]
        for (name, value) in mapping {
            guard let word = name.scalar?.string, let text = value.scalar?.string else {
                report(key, name.mark?.line ?? line, "is not a map of words")
                continue
            }
            mapLines[key + "." + word] = name.mark?.line
            if value.null != nil, value.scalar?.style == .plain {
                report(key + "." + Self.printable(word), name.mark?.line, "has no value")
            }
            map[word] = text
        }
        set(key, .map(map), line)
    }

    private mutating func set(_ key: String, _ content: Content, _ line: Int?) {
        entries[key] = Entry(content: content, line: line)
    }

    mutating func report(_ key: String, _ line: Int?, _ message: String) {
        problems.append(SettingsProblem(key: key, line: line, message: message))
    }
}
