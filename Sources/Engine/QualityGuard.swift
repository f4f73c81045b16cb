internal import Checkpoints

/// Watches whether a neural model gets worse: its recall@20 over the newest lists, as a share of that of the
/// sequential rules on the same lists. The share, because a stream that changes makes every model worse for a
/// while, and that is no reason to take anything back.
struct QualityGuard {
    enum Verdict: Equatable {
        /// Too little has been scored.
        case none
        /// The model is good: a point to go back to.
        case good
        /// The model has lost more than is allowed since the last good point.
        case degraded
    }

    /// What the share may lose, in 0...1; 0 turns the guard off.
    var dropMax: Double

    private var scored = 0
    private var modelHits = 0
    private var rulesHits = 0
    /// The share at the last good point; it fades, so that a model is not held to its best day for ever.
    private var goodShare = 0.0

    /// Lists between two verdicts.
    static let block = 1000
    /// Hits that the last good share promises, below which chance could be the reason.
    private static let hitsMin = 30.0
    private static let fading = 0.95

    init(dropMax: Double) {
        self.dropMax = dropMax
    }

    /// Writes what is counted; the limit is the configuration's.
    func write(to writer: inout ByteWriter) {
        for count in [scored, modelHits, rulesHits] { writer.write(UInt32(count)) }
        writer.write(goodShare.bitPattern)
    }

    mutating func restore(from reader: inout ByteReader) throws(PayloadError) {
        let counts = [Int(try reader.read(UInt32.self)), Int(try reader.read(UInt32.self)), Int(try reader.read(UInt32.self))]
        let share = Double(bitPattern: try reader.read(UInt64.self))
        guard counts[0] < Self.block, counts.allSatisfy({ $0 <= counts[0] }), share.isFinite, share >= 0 else {
            throw .inconsistent("the counts of a quality guard")
        }
        (scored, modelHits, rulesHits, goodShare) = (counts[0], counts[1], counts[2], share)
    }

    /// Counts one list of the model and one of the rules, each with whether it had the item that came.
    mutating func record(model: Bool, rules: Bool) -> Verdict {
        scored += 1
        if model { modelHits += 1 }
        if rules { rulesHits += 1 }
        guard scored == Self.block else { return .none }
        let (model, rules) = (Double(modelHits), Double(max(1, rulesHits)))
        (scored, modelHits, rulesHits) = (0, 0, 0)
        let expected = goodShare * rules
        if dropMax > 0, expected >= Self.hitsMin, model < (1 - dropMax) * expected {
            goodShare *= Self.fading
            return .degraded
        }
        goodShare = max(model / rules, goodShare * Self.fading)
        return .good
    }
}
