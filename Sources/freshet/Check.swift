import ArgumentParser
import Daemon
import Events
import Foundation
import Settings
import Streaming

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validates a configuration and lists every problem at once.",
        discussion: """
            Exits 0 where it is valid, 78 where it is not. With --connect also asks the brokers for the topics, and
            exits 69 where they do not answer or a topic does not exist. No topic is created by asking.

            Example: freshet check --config /etc/freshet/freshet.yaml --connect
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Also prove that the brokers answer and the topics exist.")
    var connect = false

    private static let timeout = Duration.seconds(10)

    func run() throws {
        let settings = try options.load()
        print("\(options.file ?? "without a file"): the configuration is valid")
        if connect { try probe(settings) }
    }

    private func probe(_ settings: Settings) throws {
        let known: [String: Int]
        do throws(StreamingError) {
            known = try ClusterProbe.topics(of: KafkaConfiguration(settings), timeout: Self.timeout)
        } catch {
            let reason = Redaction(settings.kafka.properties).clean("\(error)")
            throw fail(
                "\(settings.kafka.bootstrapServers) does not answer (\(reason)); check kafka.bootstrap_servers and kafka.properties",
                code: error.recovery == .reconfigure ? error.recovery.exitCode : ExitStatus.unreachable)
        }
        print("\(settings.kafka.bootstrapServers): reached, \(known.count) topics")
        let presence = TopicPresence(settings.topics, known: known)
        for line in presence.lines { print(line) }
        guard presence.missing.isEmpty else {
            throw fail(
                "these topics do not exist: \(presence.missing.joined(separator: ", ")); create them, as the README says",
                code: ExitStatus.unreachable)
        }
    }
}

/// What a cluster has of the topics that a configuration names.
struct TopicPresence {
    private(set) var lines: [String] = []
    private(set) var missing: [String] = []

    /// - Parameter known: the topics of the cluster, with their numbers of partitions.
    init(_ topics: Settings.Topics, known: [String: Int]) {
        let read = TopicName.isPattern(topics.events)
            ? known.keys.filter { TopicPattern(topics.events)?.matches($0) ?? false }.sorted() : [topics.events]
        if read.isEmpty {
            lines.append("\(topics.events): no topic matches")
            missing.append(topics.events)
        }
        for topic in read + [topics.recommendations, topics.deadLetters] + (topics.sessions.map { [$0] } ?? []) {
            guard let partitions = known[topic] else {
                lines.append("\(topic): does not exist")
                missing.append(topic)
                continue
            }
            lines.append("\(topic): \(partitions) partitions")
        }
        if let sessions = topics.sessions, let count = known[sessions], let events = known[topics.events], count != events {
            lines.append("\(sessions): as many partitions as \(topics.events) has would spread its reading evenly")
        }
    }
}
