internal import Events
internal import Foundation

extension Settings {
    /// What a file without a key stands for.
    public enum EmptyFile: Sendable {
        case isDefaults
        /// While a daemon runs it is a file that is being written, not the wish to go back to every default.
        case isRefused
    }

    /// Loads the configuration: `--set` before environment before file before default.
    ///
    /// - Parameter check: what others, who know what is behind a key, find wrong with the whole; called once it is read.
    /// - Throws: `SettingsError.invalid` with every problem at once.
    public static func load(
        file: String?, environment: [String: String], overrides: [String], emptyFile: EmptyFile = .isDefaults,
        check: (Settings) -> [(key: String, message: String)] = { _ in [] }
    ) throws(SettingsError) -> Settings {
        var document = SettingsDocument()
        if let file { try document.read(file: file) }
        if let file, emptyFile == .isRefused, document.isEmpty { throw .empty(path: file) }
        document.read(environment: environment, known: allKeys)
        document.read(overrides: overrides)
        var reader = SettingsReader(document)
        var settings = read(&reader)
        if let directory = environment["STATE_DIRECTORY"], !directory.isEmpty { settings.state.directory = directory }
        reader.reportUnknownKeys()
        for problem in check(settings) { reader.report(problem.key, problem.message) }
        guard reader.problems.isEmpty else {
            throw .invalid(reader.problems.sorted { ($0.line ?? Int.max, $0.key) < ($1.line ?? Int.max, $1.key) })
        }
        settings.rendered = reader.rendered
        return settings
    }

    /// Every key of the configuration.
    public static var allKeys: [String] {
        var reader = SettingsReader(SettingsDocument())
        _ = read(&reader)
        return reader.knownKeys
    }

    /// The one place where keys, defaults and limits stand.
    private static func read(_ reader: inout SettingsReader) -> Settings {
        var settings = Settings()
        settings.kafka = kafka(&reader)
        settings.topics = topics(&reader)
        settings.events.recordBytesMax = reader.integer("events.bytes_max", default: 65_536, in: 256...1_000_000)
        settings.events.futureMillisecondsMax =
            Int64(reader.duration("events.future_max", default: "24h", in: .zero...(.seconds(31_536_000))) / .milliseconds(1))
        settings.recentIDsMax = reader.integer("events.recent_ids", default: 100_000, in: 0...10_000_000)
        settings.recommendations.count = reader.integer("recommendations.count", default: 20, in: 1...1000)
        settings.recommendations.exclusions = Set(
            reader.list(
                "recommendations.exclude", default: ["current", "purchased"], of: Exclusion.allCases.map(\.rawValue)
            ).compactMap(Exclusion.init(rawValue:)))
        settings.recommendations.interval = reader.duration(
            "recommendations.min_interval", default: "0ms", in: .zero...(.seconds(60)))
        if settings.recommendations.interval > .zero, settings.kafka.delivery == .exactlyOnce {
            reader.report(
                "recommendations.min_interval",
                "holds lists back, which a transaction cannot wait for: leave it at 0ms, or set kafka.delivery to at_least_once")
        }
        settings.model.encoder = reader.choice("model.encoder", default: "ensemble", of: ["ensemble", "gru", "attention", "convolution"])
        settings.model.members = reader.list("model.members", default: ["gru", "attention"], of: ["gru", "attention", "convolution"])
        if Set(settings.model.members).count != settings.model.members.count || settings.model.members.isEmpty {
            reader.report("model.members", "names a model twice, or none")
        }
        settings.model.convolution = reader.choice("model.convolution", default: "textbook", of: ["textbook", "dilated"])
        settings.model.dimensions = reader.integer("model.dimensions", default: 64, in: 16...512)
        let threads = reader.integer("model.threads", default: 0, in: 0...3)
        settings.model.threads = threads > 0 ? threads : nil
        settings.model.index = reader.choice("model.index", default: "auto", of: ["auto", "exact", "approximate"])
        if settings.model.dimensions % 16 != 0 { reader.report("model.dimensions", "is not a multiple of 16") }
        settings.model.itemsMax = reader.integer("model.max_items", default: 1_000_000, in: 16...16_000_000)
        settings.sessions.length = reader.integer("sessions.length", default: 50, in: 2...1000)
        settings.sessions.usersMax = reader.integer("sessions.max_users", default: 1_000_000, in: 1...100_000_000)
        settings.learning = learning(&reader)
        if settings.learning.loss == "full_softmax", settings.model.itemsMax > fullSoftmaxItemsMax {
            reader.report(
                "learning.loss",
                "full_softmax scores every item in every step: set model.max_items to at most \(fullSoftmaxItemsMax), or take sampled_softmax")
        }
        settings.state.directory = reader.path("state.directory", default: "/var/lib/freshet")
        settings.state.checkpointInterval = reader.duration(
            "state.checkpoint_interval", default: "10s", in: .milliseconds(100)...(.seconds(3600)))
        settings.state.previousInterval = reader.duration(
            "state.previous_interval", default: "15m", in: .seconds(10)...(.seconds(86_400)))
        settings.http = http(&reader)
        settings.log.level = reader.choice(
            "log.level", default: "info", of: ["trace", "debug", "info", "notice", "warning", "error", "critical"])
        return settings
    }

    private static func kafka(_ reader: inout SettingsReader) -> Kafka {
        var kafka = Kafka()
        kafka.bootstrapServers = reader.text("kafka.bootstrap_servers", default: "localhost:9092")
        kafka.groupID = reader.text("kafka.group_id", default: "freshet")
        kafka.clientID = reader.text("kafka.client_id", default: "freshet")
        let delivery = reader.choice(
            "kafka.delivery", default: "at_least_once", of: Kafka.Delivery.allCases.map(\.rawValue))
        kafka.delivery = Kafka.Delivery(rawValue: delivery) ?? .atLeastOnce
        kafka.transactionalID =
            reader.optionalText("kafka.transactional_id") ?? kafka.groupID + "-" + kafka.clientID
        kafka.properties = reader.map("kafka.properties")
        if let file = reader.optionalText("kafka.sasl_password_file") {
            if kafka.properties["sasl.password"] != nil {
                reader.report("kafka.sasl_password_file", "and sasl.password among kafka.properties name the same: leave one out")
            }
            kafka.properties["sasl.password"] = secret(file, "kafka.sasl_password_file", &reader)
        }
        return kafka
    }

    private static func topics(_ reader: inout SettingsReader) -> Topics {
        var topics = Topics()
        topics.events = reader.text("topics.events", default: "events")
        _ = reader.choice("topics.events_format", default: "json", of: ["json"])
        var fields = EventFields()
        fields.user = pointer("user", fields.user, &reader)
        fields.item = pointer("item", fields.item, &reader)
        fields.type = pointer("type", fields.type, &reader)
        fields.timestamp = pointer("timestamp", fields.timestamp, &reader)
        fields.value = pointer("value", fields.value, &reader)
        fields.id = pointer("id", fields.id, &reader)
        topics.eventsFields = fields
        if reader.optionalText("topics.items") != nil {
            reader.report("topics.items", "is not available in this version; leave it out")
        }
        topics.recommendations = reader.text("topics.recommendations", default: "recommendations")
        topics.deadLetters = reader.text("topics.dead_letters", default: "events.dlq")
        topics.sessions = reader.optionalText("topics.sessions")
        topics.createsTopics = reader.flag("topics.create", default: true)
        for problem in topics.problems() { reader.report(problem.key, problem.message) }
        return topics
    }

    private static func pointer(_ name: String, _ standard: String, _ reader: inout SettingsReader) -> String {
        let key = "topics.events_fields." + name
        let text = reader.text(key, default: standard)
        if !EventFields.isPointer(text) { reader.report(key, "is \(text), not a JSON Pointer such as /\(name)") }
        return text
    }

    /// Items that a full softmax goes over at most, as `Loss.vocabularyMax`.
    private static let fullSoftmaxItemsMax = 50_000
    private static let smallestTemperature = 0.01

    private static func learning(_ reader: inout SettingsReader) -> Learning {
        var learning = Learning()
        learning.rate = reader.number("learning.rate", default: 0.1, in: 0.0001...1)
        learning.denseRate = reader.number("learning.dense_rate", default: 0.001, in: 0.00001...0.1)
        learning.optimizer = reader.choice("learning.optimizer", default: "adam", of: ["adam", "sgd", "adagrad"])
        learning.momentum = reader.number("learning.momentum", default: 0.9, in: 0...0.999)
        learning.rowOptimizer = reader.choice("learning.row_optimizer", default: "adagrad", of: ["adagrad", "adam", "sgd"])
        learning.halfLife = reader.number("learning.half_life", default: 0, in: 0...1_000_000_000)
        learning.loss = reader.choice(
            "learning.loss", default: "sampled_softmax",
            of: ["sampled_softmax", "full_softmax", "bpr_max", "gbce", "binary_cross_entropy", "squared_error"])
        learning.bprRegularization = reader.number("learning.bpr_regularization", default: 1, in: 0...100)
        learning.gbceCalibration = reader.number("learning.gbce_calibration", default: 0.75, in: 0...1)
        learning.temperature = reader.number("learning.temperature", default: 0.08, in: 0...1)
        if learning.temperature > 0, learning.temperature < smallestTemperature {
            reader.report(
                "learning.temperature", "is below \(smallestTemperature), where scores overflow; 0 is for plain products")
        }
        learning.dropout = reader.number("learning.dropout", default: 0.35, in: 0...0.9)
        learning.rollbackDrop = reader.number("learning.rollback_drop", default: 0.5, in: 0...1)
        learning.negatives = reader.integer("learning.negatives", default: 256, in: 16...4096)
        learning.replayRatio = reader.integer("learning.replay_ratio", default: 4, in: 0...32)
        learning.window = reader.integer("learning.window", default: 20, in: 1...200)
        learning.purchaseTypes = Set(reader.list("learning.purchase_types", default: ["purchase"], of: nil))
        for (type, text) in reader.map("learning.event_weights") {
            guard let weight = Double(text), (0...100).contains(weight) else {
                reader.report("learning.event_weights", "\(type) is \(text), not a number from 0 to 100")
                continue
            }
            learning.eventWeights[type] = weight
        }
        learning.seed = reader.integer("learning.seed", default: 1, in: 0...Int.max)
        learning.isReproducible = reader.flag("learning.reproducible", default: false)
        learning.distillation = reader.number("learning.distillation", default: 0, in: 0...100)
        if learning.distillation > 0, learning.isReproducible {
            reader.report("learning.distillation", "remembers scores that a crash forgets: set it to 0, or learning.reproducible to false")
        }
        if learning.distillation > 0, learning.temperature > 0 {
            reader.report("learning.distillation", "is for scores that are plain products: set it or learning.temperature to 0")
        }
        return learning
    }

    private static func http(_ reader: inout SettingsReader) -> HTTP {
        var http = HTTP()
        let address = reader.text("http.listen", default: "127.0.0.1:8080")
        if let separator = address.lastIndex(of: ":"), let port = Int(address[address.index(after: separator)...]),
            (0...65_535).contains(port), separator != address.startIndex
        {
            http.port = port
            http.host = address[..<separator].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        } else {
            reader.report("http.listen", "is \(address), not host:port")
        }
        if let file = reader.optionalText("http.token_file") {
            http.token = secret(file, "http.token_file", &reader)
            if http.token?.isEmpty == true { reader.report("http.token_file", "holds no token") }
        }
        return http
    }

    /// The first line of a file that holds a secret; its content is in no message.
    private static func secret(_ path: String, _ key: String, _ reader: inout SettingsReader) -> String {
        let path = SettingsReader.expanded(path)
        guard let data = FileManager.default.contents(atPath: path) else {
            // Its name may be the secret itself, given in the wrong place.
            reader.report(key, "names no file that can be read: it is the name of a file, whose first line is the secret")
            return ""
        }
        // Another secret in the same file is a change, too; only its hash is compared.
        reader.noteContent(of: key, hash: data.hashValue)
        return String(decoding: data.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }, as: UTF8.self)
    }
}
