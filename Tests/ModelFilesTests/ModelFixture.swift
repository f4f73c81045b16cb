import Engine
import Events
import Foundation
import SequenceModels

@testable import ModelFiles

/// Small engines, and files of their weights in a folder that goes when the test does.
final class ModelFixture {
    let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-models-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: folder) } catch {}
    }

    func path(_ name: String) -> String { folder + "/" + name }

    static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")

    static func configuration(_ encoder: EngineConfiguration.Encoder, itemsMax: Int = 100) -> EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.encoder = encoder
        configuration.learner.dimensions = 16
        configuration.learner.itemsMax = itemsMax
        configuration.learner.negatives = 16
        configuration.learner.window = 6
        configuration.usersMax = 100
        return configuration
    }

    static func user(_ name: String) -> UserID {
        guard let user = UserID(name) else { preconditionFailure("\(name) is an identifier") }
        return user
    }

    static func item(_ name: String) -> ItemID {
        guard let item = ItemID(name) else { preconditionFailure("\(name) is an identifier") }
        return item
    }

    /// An engine that has learned visits of a circle of items, some of the events of another type.
    static func engine(
        _ configuration: EngineConfiguration, events: Int, items: Int = 12, seed: Int = 0
    ) throws -> Engine {
        var engine = try Engine(configuration)
        let source = TopicPartition(topic: "events", partition: 0)
        for place in 0..<events {
            let visit = place / 6
            let event = Event(
                user: user("u\(visit % 20)"), item: item("i\((visit * 5 + place % 6 + seed) % items)"),
                type: place % 4 == 0 ? "cart" : "view",
                timestamp: Timestamp(milliseconds: 1_767_225_600_000 + Int64(place) * 700))
            let input = EngineInput(
                content: .event(event), source: RecordSource(topicPartition: source, offset: Int64(place)), wantsAnswer: false)
            _ = try engine.answer([input], now: event.timestamp)
            try engine.learn(replay: .configured, batch: 1)
        }
        return engine
    }

    /// The float scores of every item row after a session of items, each with the milliseconds since the one before.
    static func scores(_ engine: inout Engine, _ session: [(item: ItemID, gap: Int64)]) throws -> [String: [Float]] {
        var time: Int64 = 1_767_225_600_000
        var events: [Event] = []
        for (item, gap) in session {
            time += gap
            events.append(Event(user: user("nobody"), item: item, timestamp: Timestamp(milliseconds: time)))
        }
        var question = ForecastQuestion(
            user: user("nobody"), events: events, sessionLength: events.count, count: 10, excluded: [], keepsPool: false)
        question.includesFloat = true
        question.probes = (0..<ItemIndex(engine.itemCount)).map { $0 }
        let forecast = try engine.forecast(question, models: .all)
        return forecast.probeScores.filter { $0.key.hasSuffix(Forecast.floatSuffix) }
    }

    /// A file with one header and some bytes behind.
    func file(_ json: String, data: Int, name: String = "hand.safetensors") throws -> String {
        let header = [UInt8](json.utf8)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
        try Data(length + header + [UInt8](repeating: 0, count: data)).write(to: URL(fileURLWithPath: path(name)))
        return path(name)
    }
}
