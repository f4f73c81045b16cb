/// How far one name is from another, for suggestions.
public enum EditDistance {
    /// The nearest of `names` to `word` within three edits, where there is one.
    public static func nearest(to word: String, among names: some Sequence<String>) -> String? {
        let near = names.map { (name: $0, distance: between(word, $0)) }.min { ($0.distance, $0.name) < ($1.distance, $1.name) }
        return near.flatMap { $0.distance <= 3 ? $0.name : nil }
    }

    /// Edits from one word to another (Levenshtein 1966).
    public static func between(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (i, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in right.indices {
                let cost = min(row[j] + 1, row[j + 1] + 1, diagonal + (letter == right[j] ? 0 : 1))
                diagonal = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[right.count]
    }
}
