/// What learning makes smaller at each position: how far the score of the item that came is from where it should
/// be, alone or beside the scores of others.
///
/// Every loss ranks items by the same score, so that what is served does not depend on it. Let s be the score of
/// the item that came, sⱼ those of N negatives that a step's positions share, V the number of items.
public enum Loss: Sendable, Equatable {
    /// -log( eˢ / (eˢ + Σ e^(sⱼ - log Qⱼ)) ), Q the expected count of a negative (Bengio and Senécal 2008; Hidasi and
    /// Karatzoglou 2018).
    case sampledSoftmax
    /// The same over every item, with no correction: Σ over all V. Costs V products a position and changes every
    /// row in every step: for catalogues of at most ``vocabularyMax``.
    case fullSoftmax
    /// -log Σ wⱼ σ(s - sⱼ) + λ Σ wⱼ sⱼ², w the softmax of the negatives' scores (Hidasi and Karatzoglou 2018,
    /// equations 9 and 11).
    ///
    /// - Parameter regularization: λ, at least 0.
    case bprMax(regularization: Float)
    /// -( log σ(s)^β + Σ log(1 - σ(sⱼ)) ) / (N + 1) with β = 1 - t (1 - α), α = N / (V - 1) at most 1 (gSASRec,
    /// Petrov and Macdonald 2023, equations 12 and 17): sampling few of many negatives makes a model too sure of
    /// itself, which β takes back.
    ///
    /// - Parameter calibration: t, from 0, plain cross-entropy, to 1, probabilities as over all items.
    case gBCE(calibration: Float)
    /// The same with β = 1 (SASRec, Kang and McAuley 2018, with more negatives than one).
    case binaryCrossEntropy
    /// (s - y)², y the value of the event that came; of events without a value nothing is learned.
    case squaredError

    /// Items that a full softmax goes over at most.
    public static let vocabularyMax = 50_000
    /// Values beyond ±valueMax are taken as none: one of them would outweigh everything else.
    public static let valueMax: Float = 1_000_000

    /// Whether it reads negatives.
    public var drawsNegatives: Bool {
        switch self {
        case .sampledSoftmax, .bprMax, .gBCE, .binaryCrossEntropy: true
        case .fullSoftmax, .squaredError: false
        }
    }

    /// Whether it learns the values of events, which only new events have: kept sessions do not remember them.
    public var learnsValues: Bool { self == .squaredError }
}

extension Loss {
    /// - Parameters:
    ///   - name: as `learning.loss` has it.
    ///   - regularization: λ of BPR-max.
    ///   - calibration: t of gBCE.
    public init?(name: String, regularization: Float, calibration: Float) {
        switch name {
        case "sampled_softmax": self = .sampledSoftmax
        case "full_softmax": self = .fullSoftmax
        case "bpr_max": self = .bprMax(regularization: regularization)
        case "gbce": self = .gBCE(calibration: calibration)
        case "binary_cross_entropy": self = .binaryCrossEntropy
        case "squared_error": self = .squaredError
        default: return nil
        }
    }
}
