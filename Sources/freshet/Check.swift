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
            exits 69 where they do not answer or a topic is missing that may not be created.

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
            throw fail(
                "\(settings.kafka.bootstrapServers) does not answer (\(error)); check kafka.bootstrap_servers and kafka.properties",
                code: error.recovery == .reconfigure ? error.recovery.exitCode : ExitStatus.unreachable)
        }
        print("\(settings.kafka.bootstrapServers): reached, \(known.count) topics")
        var missing: [String] = []
        let topics = [settings.topics.events, settings.topics.recommendations, settings.topics.deadLetters]
        for topic in topics + (settings.topics.sessions.map { [$0] } ?? []) {
            if let partitions = known[topic] {
                print("\(topic): \(partitions) partitions")
            } else {
                print("\(topic): does not exist\(settings.topics.createsTopics ? "; it is created on first use where the broker allows it" : "")")
                missing.append(topic)
            }
        }
        if !missing.isEmpty, !settings.topics.createsTopics {
            throw fail("create the topics \(missing.joined(separator: ", ")), or set topics.create to true", code: ExitStatus.unreachable)
        }
    }
}
