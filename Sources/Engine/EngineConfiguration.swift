public import Checkpoints
public import Events
public import Learning
public import SequenceModels
public import Serving

/// What the engine must know before its first event. Times and chance are handed in with the events.
public struct EngineConfiguration: Sendable, Equatable {
    public var encoder = Encoder.gru
    /// The neural models of the ensemble.
    public var ensembleMembers: [EncoderKind] = [.gru, .attention]
    public var learner = LearnerConfiguration()
    /// Threads that the neural models share, at least one. What is learned and served does not depend on it.
    public var threads = 1
    /// How lists are found among the items.
    public var index = IndexMode.automatic
    /// Whether attention goes on, for a few events of a session, from the keys and values of the list before, which are of
    /// weights that are a little older: lists then depend on which lists were made before, and a restart forgets that.
    public var keepsKeysAndValues = false
    /// Newest events kept a user.
    public var sessionLengthMax = 50
    public var usersMax = 1_000_000
    public var rules = ListRules()
    /// Event types that mark an item as purchased.
    public var purchaseTypes: Set<String> = ["purchase"]
    /// How much an event of a type counts in the loss; 1 where it is not named, 0 for context only.
    public var eventWeights: [String: Float] = [:]
    /// Whether session-kNN runs beside the other yardsticks, where the ensemble does not need it anyway.
    public var measuresNeighbors = false
    /// How much a neural model may get worse, as a share of its recall, before it goes back to its last good
    /// parameters; 0 for any.
    public var qualityDropMax = 0.5
    /// Newest events with an id of their own that a repetition is recognised among; 0 for none.
    public var recentIDsMax = 100_000
    /// Lists that live quality looks back on.
    public var qualityWindow = 10_000

    public init() {}

    /// What makes the lists.
    public enum Encoder: String, Sendable, CaseIterable {
        case gru
        case attention
        case convolution
        /// Neural models, session-kNN and sequential rules, blended by weights that are learned online.
        case ensemble
    }

    /// The neural models that run.
    public var neuralMembers: [EncoderKind] {
        switch encoder {
        case .gru: [.gru]
        case .attention: [.attention]
        case .convolution: [.convolution]
        case .ensemble: ensembleMembers
        }
    }

    /// How the model of a kind learns.
    public func learner(of kind: EncoderKind) -> LearnerConfiguration {
        var learner = learner
        learner.encoder = kind
        return learner
    }

    /// What a stored state must be of to fit: `gru`, `ensemble(gru,attention)`, `convolution`, and `convolution:dilated`
    /// where another network than the textbook's is behind it.
    public var modelName: String {
        let names = neuralMembers.map { kind in
            guard kind == .convolution, learner.convolution.network != .textbook else { return kind.rawValue }
            return kind.rawValue + Self.networkSeparator + learner.convolution.network.rawValue
        }
        guard encoder == .ensemble else { return names.joined() }
        return encoder.rawValue + "(" + names.joined(separator: ",") + ")"
    }

    private static let networkSeparator = ":"

    /// The network of a stored model that is this one but for the network behind its convolution; nil of others.
    func networkOfSameModel(_ stored: ModelDescription) -> ConvolutionConfiguration.Network? {
        ConvolutionConfiguration.Network.allCases.first { network in
            var other = self
            other.learner.convolution.network = network
            return other.modelName == stored.encoder && network != learner.convolution.network
        }
    }

    /// Makes this the configuration of a stored model: its kind, its members, their network, its width.
    ///
    /// - Returns: false, and nothing changed, where this version knows no such model.
    public mutating func adopt(_ stored: ModelDescription) -> Bool {
        let parts = stored.encoder.split(separator: "(", maxSplits: 1)
        let isEnsemble = parts.count == 2
        let names = isEnsemble ? parts[1].dropLast().split(separator: ",") : parts
        let members = names.map { $0.split(separator: Self.networkSeparator, maxSplits: 1).map(String.init) }
        let kindName = isEnsemble ? String(parts[0]) : members.first?.first
        guard let kind = kindName.flatMap(Encoder.init(rawValue:)) else { return false }
        var adopted = self
        adopted.encoder = kind
        adopted.learner.dimensions = stored.dimensions
        if isEnsemble { adopted.ensembleMembers = members.compactMap { $0.first.flatMap(EncoderKind.init(rawValue:)) } }
        if let convolution = members.first(where: { $0.first == EncoderKind.convolution.rawValue }) {
            let network = convolution.dropFirst().first.flatMap(ConvolutionConfiguration.Network.init(rawValue:))
            adopted.learner.convolution.network = network ?? .textbook
        }
        guard adopted.modelName == stored.encoder else { return false }
        self = adopted
        return true
    }

    /// The models that are measured: the served one first.
    public var measuredModels: [String] {
        var models = [encoder.rawValue] + YardstickName.always
        if encoder == .ensemble { models += ensembleMembers.map(\.rawValue) + [YardstickName.neighbors] }
        if measuresNeighbors { models += YardstickName.onRequest.filter { !models.contains($0) } }
        return models
    }
}

/// What a published list contains; may change while running.
public struct ListRules: Sendable, Equatable {
    public var count = 20
    public var exclusions: Set<Exclusion> = [.current, .purchased]

    public init() {}

    public init(count: Int, exclusions: Set<Exclusion>) {
        self.count = count
        self.exclusions = exclusions
    }

    /// The longest list that may be asked for.
    public static let countMax = ListQuery.countMax
}
