internal import Events

/// Takes values out of a document by key, checks each, and gathers every problem on the way.
struct SettingsReader {
    private let document: SettingsDocument
    private(set) var problems: [SettingsProblem]
    private(set) var knownKeys: [String] = []
    private(set) var rendered: [String: String] = [:]

    init(_ document: SettingsDocument) {
        self.document = document
        problems = document.problems
    }

    mutating func text(_ key: String, default standard: String, isEmptyAllowed: Bool = false) -> String {
        value(key, default: standard) { word in
            word.isEmpty && !isEmptyAllowed ? .failure("is empty") : .success(word)
        }
    }

    mutating func optionalText(_ key: String) -> String? {
        let word = text(key, default: "", isEmptyAllowed: true)
        return word.isEmpty ? nil : word
    }

    mutating func choice(_ key: String, default standard: String, of choices: [String]) -> String {
        value(key, default: standard) { word in
            choices.contains(word) ? .success(word) : .failure("is \(word), not one of \(choices.joined(separator: ", "))")
        }
    }

    mutating func integer(_ key: String, default standard: Int, in range: ClosedRange<Int>) -> Int {
        value(key, default: standard) { word in
            guard let number = Int(word) else { return .failure("is \(word), not a whole number") }
            return range.contains(number)
                ? .success(number) : .failure("is \(word), not within \(range.lowerBound) to \(range.upperBound)")
        }
    }

    mutating func number(_ key: String, default standard: Double, in range: ClosedRange<Double>) -> Double {
        value(key, default: standard) { word in
            guard let number = Double(word), number.isFinite else { return .failure("is \(word), not a number") }
            return range.contains(number)
                ? .success(number) : .failure("is \(word), not within \(range.lowerBound) to \(range.upperBound)")
        }
    }

    mutating func flag(_ key: String, default standard: Bool) -> Bool {
        value(key, default: standard) { word in
            switch word {
            case "true": .success(true)
            case "false": .success(false)
            default: .failure("is \(word), not true or false")
            }
        }
    }

    /// A number with one of the units ms, s, m, h.
    mutating func duration(_ key: String, default standard: String, in range: ClosedRange<Duration>) -> Duration {
        let parse: (String) -> Outcome<Duration> = { word in
            guard let duration = Self.duration(word) else {
                return .failure("is \(word), not a time such as 500ms, 10s, 2m or 1h")
            }
            return range.contains(duration)
                ? .success(duration) : .failure("is \(word), not within \(range.lowerBound) to \(range.upperBound)")
        }
        let word = text(key, default: standard)
        switch parse(word) {
        case .success(let duration): return duration
        case .failure(let message):
            report(key, message)
            return Self.duration(standard) ?? .zero
        }
    }

    mutating func list(_ key: String, default standard: [String], of choices: [String]?) -> [String] {
        knownKeys.append(key)
        var words = standard
        switch document.entries[key]?.content {
        case nil: break
        case .list(let given)?: words = given
        case .scalar("")?: report(key, "is empty: write [] for nothing")
        case .scalar(let word)?:
            let inner = word.hasPrefix("[") && word.hasSuffix("]") ? String(word.dropFirst().dropLast()) : word
            words = inner.split(separator: ",").map { $0.trimmingSpaces() }
        case .map?: report(key, "is a map, not a list")
        }
        for word in words {
            if let choices, !choices.contains(word) {
                report(key, "has \(word), which is none of \(choices.joined(separator: ", "))")
            }
        }
        rendered[key] = words.joined(separator: ",")
        return words
    }

    mutating func map(_ key: String) -> [String: String] {
        knownKeys.append(key)
        rendered[key] = ""
        guard let content = document.entries[key]?.content else { return [:] }
        guard case .map(let map) = content else {
            if content != .scalar("{}") { report(key, "is not a map: write one in the file, or --set \(key).NAME=VALUE") }
            return [:]
        }
        // The values may be secrets: only their hash is compared.
        rendered[key] = map.keys.sorted().map { "\($0)=\(map[$0].hashValue)" }.joined(separator: ",")
        return map
    }

    mutating func report(_ key: String, _ message: String) {
        let line = document.entries[key]?.line ?? document.mapLines[key]
        problems.append(SettingsProblem(key: SettingsDocument.printable(key), line: line, message: message))
    }

    /// What stands behind a key is part of what is compared.
    mutating func noteContent(of key: String, hash: Int) { rendered[key, default: ""] += " \(hash)" }

    /// Reports every key of the document that nobody asked for. Call last.
    mutating func reportUnknownKeys() {
        for key in document.entries.keys.sorted() where !knownKeys.contains(key) {
            let hint = EditDistance.nearest(to: key, among: knownKeys).map { "; did you mean \($0)?" } ?? ""
            report(key, "is not a key of the configuration\(hint)")
        }
    }

    private enum Outcome<Value> {
        case success(Value)
        case failure(String)
    }

    private mutating func value<Value>(
        _ key: String, default standard: Value, parse: (String) -> Outcome<Value>
    ) -> Value {
        knownKeys.append(key)
        var result = standard
        switch document.entries[key]?.content {
        case nil: break
        case .scalar(let word)?:
            switch parse(word) {
            case .success(let value): result = value
            case .failure(let message): report(key, message)
            }
        case .list?, .map?: report(key, "is not a single value")
        }
        rendered[key] = "\(result)"
        return result
    }

    private static func duration(_ word: String) -> Duration? {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)]
        for (unit, seconds) in units where word.hasSuffix(unit) {
            guard let number = Double(word.dropLast(unit.count)), number >= 0, number.isFinite, number <= 1e9
            else { return nil }
            return .seconds(number * seconds)
        }
        return nil
    }
}

extension Substring {
    fileprivate func trimmingSpaces() -> String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
