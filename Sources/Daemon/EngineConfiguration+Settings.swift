internal import Delivery
public import Engine
internal import Events
internal import Foundation
internal import Learning
internal import SequenceModels
internal import Serving
public import Settings
public import Streaming

extension EngineConfiguration {
    /// The engine's part of a daemon's configuration.
    public init(_ settings: Settings) {
        self.init()
        encoder = Encoder(rawValue: settings.model.encoder) ?? .ensemble
        ensembleMembers = settings.model.members.compactMap(EncoderKind.init(rawValue:))
        learner.convolution.network = ConvolutionConfiguration.Network(rawValue: settings.model.convolution) ?? .textbook
        qualityDropMax = settings.learning.rollbackDrop
        learner.optimizer = DenseOptimizer.Kind(rawValue: settings.learning.optimizer) ?? .adam
        learner.momentum = Float(settings.learning.momentum)
        learner.rowOptimizer.kind = RowOptimizer.Kind(rawValue: settings.learning.rowOptimizer) ?? .adagrad
        learner.rowOptimizer.halfLife = Float(settings.learning.halfLife)
        learner.rowOptimizer.momentum = Float(settings.learning.momentum)
        learner.loss =
            Loss(
                name: settings.learning.loss, regularization: Float(settings.learning.bprRegularization),
                calibration: Float(settings.learning.gbceCalibration)) ?? .sampledSoftmax
        learner.temperature = settings.learning.temperature > 0 ? Float(settings.learning.temperature) : nil
        learner.distillation = Float(settings.learning.distillation)
        learner.dropout = Float(settings.learning.dropout)
        index = IndexMode(rawValue: settings.model.index) ?? .automatic
        threads =
            settings.model.threads ?? min(max(2, neuralMembers.count), ProcessInfo.processInfo.activeProcessorCount)
        learner.dimensions = settings.model.dimensions
        learner.itemsMax = settings.model.itemsMax
        learner.window = settings.learning.window
        learner.negatives = settings.learning.negatives
        learner.replayRatio = settings.learning.replayRatio
        learner.rate = Float(settings.learning.rate)
        learner.denseRate = Float(settings.learning.denseRate)
        learner.seed = UInt64(settings.learning.seed)
        keepsKeysAndValues = !settings.learning.isReproducible
        sessionLengthMax = settings.sessions.length
        recentIDsMax = settings.recentIDsMax
        usersMax = settings.sessions.usersMax
        purchaseTypes = settings.learning.purchaseTypes
        eventWeights = settings.learning.eventWeights.mapValues(Float.init)
        rules = ListRules(count: settings.recommendations.count, exclusions: settings.recommendations.exclusions)
    }
}

extension DeliveryConfiguration {
    /// The delivery loop's part of a daemon's configuration.
    init(_ settings: Settings) {
        self.init()
        guarantee = settings.kafka.delivery == .exactlyOnce ? .exactlyOnce : .atLeastOnce
        recommendationsTopic = settings.topics.recommendations
        deadLettersTopic = settings.topics.deadLetters
        sessionsTopic = settings.topics.sessions
        createsTopics = settings.topics.createsTopics
        isReproducible = settings.learning.isReproducible
        listInterval = settings.recommendations.interval
        checkpointInterval = settings.state.checkpointInterval
        transactionTimeout = KafkaConfiguration(settings).transactionTimeout
    }
}

extension KafkaConfiguration {
    /// How the daemon reaches Kafka.
    public init(_ settings: Settings) {
        self.init(bootstrapServers: settings.kafka.bootstrapServers, groupID: settings.kafka.groupID)
        clientID = settings.kafka.clientID
        if settings.kafka.delivery == .exactlyOnce { transactionalID = settings.kafka.transactionalID }
        createsTopics = settings.topics.createsTopics
        properties = settings.kafka.properties
    }
}
