import ArgumentParser
import Checkpoints
import Daemon
import Engine
import Events
import Foundation
import Settings

struct Recommend: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes one list from a stored state, for scripts and debugging.",
        discussion: """
            Restores the state for reading, beside a daemon that may be running, and ranks for an anonymous session
            of the given items, oldest first. Learns nothing and writes nothing. Which model and how wide comes from
            the state; sizes and rules come from the configuration.

            Example: freshet recommend --state /var/lib/freshet --items i1007,i9 --count 5
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(help: "The state directory.")
    var state: String

    @Option(help: "The session's items, oldest first, separated by commas.")
    var items: String

    @Option(help: "Items in the list, 1 to 1000.")
    var count = 20

    @Option(help: "Lines for people, or one JSON object.")
    var format = Format.text

    @OptionGroup var options: OptionalConfigurationOptions

    private var session: [ItemID] {
        items.split(separator: ",", omittingEmptySubsequences: false).compactMap { ItemID(String($0)) }
    }

    func validate() throws {
        guard (1...ListRules.countMax).contains(count) else { throw ValidationError("--count is from 1 to 1000") }
        guard session.count == items.split(separator: ",", omittingEmptySubsequences: false).count else {
            throw ValidationError("--items has an item that is not 1 to 256 bytes: write a,b,c")
        }
    }

    func run() throws {
        let settings = try options.load()
        do {
            var engine = try Restoring.storedEngine(in: state, EngineConfiguration(settings))
            let rules = ListRules(count: count, exclusions: settings.recommendations.exclusions)
            let list = try engine.recommendation(after: session, rules: rules)
            if list.isFallback { print("none of these items is known: the popular list", to: &standardError) }
            print(format == .json ? try json(list.items, list.isFallback, engine.modelDescription) : text(list.items))
        } catch let error as EngineError {
            throw fail("\(error)", code: error.recovery.exitCode)
        } catch let error as DaemonError {
            throw fail("\(error)", code: error.exitCode)
        }
    }

    private func text(_ items: [ScoredItem]) -> String {
        items.map { item in
            let reason = item.because.map { "  because of \($0)" } ?? ""
            return String(format: "%9.4f  ", item.score) + item.item.text + reason
        }.joined(separator: "\n")
    }

    private struct Output: Encodable {
        struct Item: Encodable {
            var item: String
            var score: Float
            var because: [String]
        }
        struct Model: Encodable {
            var encoder: String
            var version: UInt64
        }
        var items: [Item]
        var model: Model
        var fallback: String?
    }

    private func json(_ items: [ScoredItem], _ isFallback: Bool, _ model: ModelDescription) throws -> String {
        let output = Output(
            items: items.map { .init(item: $0.item.text, score: $0.score, because: $0.because.map { [$0.text] } ?? []) },
            model: .init(encoder: model.encoder, version: model.modelVersion), fallback: isFallback ? "popular" : nil)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(output), as: UTF8.self)
    }
}
