internal import Foundation

/// The outcome of a back-test: what `freshet evaluate` prints.
public struct EvaluationReport: Codable, Sendable, Equatable {
    public var `protocol` = "prequential"
    /// Events read.
    public var events = 0
    /// Events that had a list to score: all but each user's first.
    public var scored = 0
    /// The share of scored targets that nobody had ever touched: a miss for every model.
    public var cold = 0.0
    public var seconds = 0.0
    public var isa = ""
    public var models: [String: Metrics] = [:]

    /// Ranking quality of one model, over all scored events.
    public struct Metrics: Codable, Sendable, Equatable {
        public var hr10 = 0.0
        public var hr20 = 0.0
        public var mrr20 = 0.0
        public var ndcg10 = 0.0
        public var ndcg20 = 0.0
        /// The share of known items that stood in at least one list.
        public var coverage20 = 0.0

        enum CodingKeys: String, CodingKey {
            case hr10 = "hr@10"
            case hr20 = "hr@20"
            case mrr20 = "mrr@20"
            case ndcg10 = "ndcg@10"
            case ndcg20 = "ndcg@20"
            case coverage20 = "coverage@20"
        }
    }

    /// One JSON object, keys in order.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// A table for people, best model first.
    public func text() -> String {
        var lines = [
            "\(self.protocol): \(events) events, \(scored) scored, \(Self.percent(cold)) of targets never seen before, "
                + "\(Self.fixed(seconds, 1)) s (\(Int((Double(events) / max(seconds, 1e-9)).rounded())) events/s, \(isa))",
            "",
            Self.row(["model", "hr@10", "hr@20", "mrr@20", "ndcg@10", "ndcg@20", "coverage@20"]),
        ]
        for (name, metrics) in models.sorted(by: { ($1.value.hr20, $0.key) < ($0.value.hr20, $1.key) }) {
            let values = [
                metrics.hr10, metrics.hr20, metrics.mrr20, metrics.ndcg10, metrics.ndcg20, metrics.coverage20,
            ]
            lines.append(Self.row([name] + values.map { Self.fixed($0, 4) }))
        }
        return lines.joined(separator: "\n")
    }

    private static func row(_ cells: [String]) -> String {
        cells.enumerated().map { place, cell in
            let padding = String(repeating: " ", count: max(0, 12 - cell.count))
            return place == 0 ? cell + padding : padding + cell
        }.joined()
    }

    private static func fixed(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }

    private static func percent(_ share: Double) -> String { fixed(share * 100, 1) + "%" }
}
