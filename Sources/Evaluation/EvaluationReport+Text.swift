internal import Foundation

/// The report as tables for people.
extension EvaluationReport {
    /// Best model first.
    public func text() -> String {
        let rate = Int((Double(events) / max(seconds, 1e-9)).rounded())
        var lines = [
            "\(self.protocol): \(events) events, \(scored) scored, \(Self.percent(cold)) of targets never seen before, "
                + "\(Self.fixed(seconds, 1)) s (\(rate) events/s, \(isa))",
            "",
        ]
        if let epoch { lines[0] += ", epoch \(epoch)" }
        lines += Self.table(rankingRows)
        if models.values.contains(where: { $0.auc != nil }) { lines += [""] + Self.table(clickRows) }
        if let quantization, !quantization.isEmpty { lines += [""] + Self.quantizationLines(quantization) }
        for comparison in comparisons ?? [] { lines += [""] + Self.lines(of: comparison) }
        return lines.joined(separator: "\n")
    }

    private var ranked: [(key: String, value: Metrics)] {
        models.sorted { ($1.value.hr20, $0.key) < ($0.value.hr20, $1.key) }
    }

    private var rankingRows: [[String]] {
        [["model", "hr@10", "hr@20", "mrr@20", "ndcg@10", "ndcg@20", "coverage@20"]]
            + ranked.filter { $0.key != ClickContestant.name }.map { name, metrics in
                [name]
                    + [
                        metrics.hr10, metrics.hr20, metrics.mrr20, metrics.ndcg10, metrics.ndcg20, metrics.coverage20,
                    ].map { Self.fixed($0, 4) }
            }
    }

    private var clickRows: [[String]] {
        [["clicks, 1 of \(ClickMetrics.negatives + 1)", "accuracy", "precision", "recall", "f1", "auc", "log_loss"]]
            + ranked.filter { $0.value.auc != nil }.map { name, metrics in
                [name]
                    + [
                        metrics.accuracy, metrics.precision, metrics.recall, metrics.f1, metrics.auc, metrics.logLoss,
                    ].map { Self.fixed($0 ?? 0, 4) }
            }
    }

    private static func quantizationLines(_ losses: [String: QuantizationLoss]) -> [String] {
        losses.sorted { $0.key < $1.key }.map { name, loss in
            "\(name): int8 loses \(percent(loss.hr20, 2)) of float's hr@20 and \(percent(loss.mrr20, 2)) of its mrr@20"
        }
    }

    private static func lines(of comparison: Comparison) -> [String] {
        let header = [
            "live, and \(comparison.against)", "hr@20", "then", "mrr@20", "then", "mrr@20 gained", "z", "p",
        ]
        let rows = comparison.models.sorted { ($1.value.mrr20, $0.key) < ($0.value.mrr20, $1.key) }.map { name, pair in
            [
                name, fixed(pair.hr20, 4), fixed(pair.otherHR20, 4), fixed(pair.mrr20, 4), fixed(pair.otherMRR20, 4),
                "\(fixed(pair.difference, 4)) ±\(fixed(pair.standardError, 4))", fixed(pair.z, 1),
                pair.p < 1e-4 ? "<0.0001" : fixed(pair.p, 4),
            ]
        }
        return table([header] + rows)
            + ["\(comparison.events) events; a paired z test on reciprocal ranks, errors clustered by user"]
    }

    /// Columns as wide as they must be, the first to the left, the others to the right.
    private static func table(_ rows: [[String]]) -> [String] {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + padding : "  " + padding + cell
            }.joined()
        }
    }

    private static func fixed(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }

    private static func percent(_ share: Double, _ digits: Int = 1) -> String { fixed(share * 100, digits) + "%" }
}
