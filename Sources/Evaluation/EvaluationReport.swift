internal import Foundation

/// The outcome of a back-test: what `freshet evaluate` prints.
public struct EvaluationReport: Codable, Sendable, Equatable {
    public var `protocol` = EvaluationProtocol.prequential.rawValue
    /// Events read.
    public var events = 0
    /// Events that had a list to score: all but each user's first, or those that the protocol holds out.
    public var scored = 0
    /// The share of targets that nobody had ever touched: a miss for every model, or left out where the
    /// protocol says so.
    public var cold = 0.0
    public var seconds = 0.0
    public var isa = ""
    /// The epoch that the figures are of, where there were several.
    public var epoch: Int?
    public var models: [String: Metrics] = [:]
    /// For each model that was run in int8 and in float.
    public var quantization: [String: QuantizationLoss]?
    /// The live models beside frozen and stale ones, where asked for.
    public var comparisons: [Comparison]?

    /// Quality of one model over all scored events.
    public struct Metrics: Codable, Sendable, Equatable {
        public var hr10 = 0.0
        public var hr20 = 0.0
        public var mrr20 = 0.0
        public var ndcg10 = 0.0
        public var ndcg20 = 0.0
        /// The share of the items known at the last list that stood in at least one.
        public var coverage20 = 0.0
        // Click prediction, where asked for.
        public var accuracy: Double?
        public var precision: Double?
        public var recall: Double?
        public var f1: Double?
        public var auc: Double?
        public var logLoss: Double?

        enum CodingKeys: String, CodingKey {
            case hr10 = "hr@10"
            case hr20 = "hr@20"
            case mrr20 = "mrr@20"
            case ndcg10 = "ndcg@10"
            case ndcg20 = "ndcg@20"
            case coverage20 = "coverage@20"
            case accuracy, precision, recall, f1, auc
            case logLoss = "log_loss"
        }
    }

    /// What int8 loses, as a share of what float has; negative where it wins.
    public struct QuantizationLoss: Codable, Sendable, Equatable {
        public var hr20: Double
        public var mrr20: Double

        enum CodingKeys: String, CodingKey {
            case hr20 = "hr@20"
            case mrr20 = "mrr@20"
        }

        init(served: Metrics, float: Metrics) {
            hr20 = float.hr20 > 0 ? 1 - served.hr20 / float.hr20 : 0
            mrr20 = float.mrr20 > 0 ? 1 - served.mrr20 / float.mrr20 : 0
        }
    }

    /// The live models against themselves with older knowledge, on the same events.
    public struct Comparison: Codable, Sendable, Equatable {
        /// `frozen at 50%`, or `1000 events behind`.
        public var against: String
        public var events: Int
        public var models: [String: Pair]
    }

    /// One model live, and the other one.
    public struct Pair: Codable, Sendable, Equatable {
        public var hr20: Double
        public var mrr20: Double
        public var otherHR20: Double
        public var otherMRR20: Double
        /// Of reciprocal ranks, live less other, with its standard error and a two-sided test.
        public var difference: Double
        public var standardError: Double
        public var z: Double
        public var p: Double

        enum CodingKeys: String, CodingKey {
            case hr20 = "hr@20"
            case mrr20 = "mrr@20"
            case otherHR20 = "other_hr@20"
            case otherMRR20 = "other_mrr@20"
            case difference
            case standardError = "standard_error"
            case z, p
        }
    }

    struct Clicks: Equatable {
        var accuracy, precision, recall, f1, auc, logLoss: Double
    }

    /// One JSON object, keys in order.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension EvaluationReport.Metrics {
    init(_ clicks: EvaluationReport.Clicks?) {
        self.init()
        accuracy = clicks?.accuracy
        precision = clicks?.precision
        recall = clicks?.recall
        f1 = clicks?.f1
        auc = clicks?.auc
        logLoss = clicks?.logLoss
    }
}

extension EvaluationReport {
    /// Takes over the models of another back-test on the same events.
    public mutating func merge(_ other: EvaluationReport) {
        models.merge(other.models) { first, _ in first }
        if let losses = other.quantization { quantization = (quantization ?? [:]).merging(losses) { first, _ in first } }
        guard let others = other.comparisons, let own = comparisons, own.map(\.against) == others.map(\.against) else { return }
        comparisons = zip(own, others).map { comparison, other in
            var comparison = comparison
            comparison.models.merge(other.models) { first, _ in first }
            return comparison
        }
    }

    /// Leaves out models that nobody asked for.
    public mutating func keep(_ isWanted: (String) -> Bool) {
        models = models.filter { isWanted($0.key) }
        quantization = quantization?.filter { isWanted($0.key) }
        comparisons = comparisons?.map { comparison in
            var comparison = comparison
            comparison.models = comparison.models.filter { isWanted($0.key) }
            return comparison
        }
    }
}
