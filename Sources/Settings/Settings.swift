public import Events

/// The configuration of a daemon: parsed once, checked whole, then only read.
public struct Settings: Sendable, Equatable {
    public var kafka = Kafka()
    public var topics = Topics()
    public var events = EventLimits()
    /// Newest events with an id among which a repetition is recognised.
    public var recentIDsMax = 0
    public var recommendations = Recommendations()
    public var model = Model()
    public var sessions = Sessions()
    public var learning = Learning()
    public var state = State()
    public var http = HTTP()
    public var log = Log()

    /// Every key with its value as text, secrets left out: for comparing two configurations.
    var rendered: [String: String] = [:]

    public struct Kafka: Sendable, Equatable {
        public var bootstrapServers = ""
        public var groupID = ""
        public var clientID = ""
        public var delivery = Delivery.atLeastOnce
        /// Of this instance alone, the same after a restart.
        public var transactionalID = ""
        public var properties: [String: String] = [:]

        public enum Delivery: String, Sendable, CaseIterable {
            case atLeastOnce = "at_least_once"
            case exactlyOnce = "exactly_once"
        }
    }

    public struct Topics: Sendable, Equatable {
        public var events = ""
        public var eventsFields = EventFields()
        public var recommendations = ""
        public var deadLetters = ""
        /// The changelog of sessions; nil for none.
        public var sessions: String?
        public var createsTopics = true
    }

    public struct Recommendations: Sendable, Equatable {
        public var count = 0
        public var exclusions: Set<Exclusion> = []
        /// At most one list a user in this time.
        public var interval = Duration.zero
    }

    public struct Model: Sendable, Equatable {
        public var encoder = ""
        public var members: [String] = []
        /// The network behind a convolution.
        public var convolution = ""
        public var dimensions = 0
        public var index = ""
        /// Nil for one a model, as far as there are processors.
        public var threads: Int?
        public var itemsMax = 0
    }

    public struct Sessions: Sendable, Equatable {
        public var length = 0
        public var usersMax = 0
    }

    public struct Learning: Sendable, Equatable {
        public var rate = 0.0
        public var denseRate = 0.0
        public var optimizer = ""
        public var momentum = 0.0
        public var rowOptimizer = ""
        public var halfLife = 0.0
        public var loss = ""
        public var bprRegularization = 0.0
        public var gbceCalibration = 0.0
        /// 0 for scores that are plain products.
        public var temperature = 0.0
        public var distillation = 0.0
        public var dropout = 0.0
        public var rollbackDrop = 0.0
        public var negatives = 0
        public var replayRatio = 0
        public var window = 0
        public var purchaseTypes: Set<String> = []
        public var eventWeights: [String: Double] = [:]
        public var seed = 0
        public var isReproducible = false
    }

    public struct State: Sendable, Equatable {
        public var directory = ""
        public var checkpointInterval = Duration.zero
        public var previousInterval = Duration.zero
    }

    public struct HTTP: Sendable, Equatable {
        public var host = ""
        public var port = 0
        /// Host and port as a URL has them.
        public func authority(port: Int) -> String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
        public var token: String?
    }

    public struct Log: Sendable, Equatable {
        public var level = ""
    }
}

extension Settings {
    /// What a reload would do: keys whose new value can be taken over while running, and keys that need
    /// a restart.
    public func changes(to other: Settings) -> (applied: [String], refused: [String]) {
        let changed = rendered.keys.filter { rendered[$0] != other.rendered[$0] }.sorted()
        return (
            changed.filter { Self.reloadableKeys.contains($0) },
            changed.filter { !Self.reloadableKeys.contains($0) }
        )
    }

    /// Keys that a running daemon takes over on SIGHUP.
    public static let reloadableKeys: Set<String> = [
        "recommendations.count", "recommendations.exclude", "recommendations.min_interval", "learning.rate", "learning.dense_rate",
        "learning.replay_ratio", "state.checkpoint_interval", "state.previous_interval", "log.level",
    ]

    /// Takes over from `other` what can change while running, and leaves the rest.
    public mutating func applyReloadable(from other: Settings) {
        recommendations = other.recommendations
        learning.rate = other.learning.rate
        learning.denseRate = other.learning.denseRate
        learning.replayRatio = other.learning.replayRatio
        state.checkpointInterval = other.state.checkpointInterval
        state.previousInterval = other.state.previousInterval
        log = other.log
        for key in Self.reloadableKeys { rendered[key] = other.rendered[key] }
    }
}
