import ArgumentParser
import Foundation
import Settings

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validates a configuration and lists every problem at once.",
        discussion: "Exits 0 where it is valid, 78 where it is not.\n\nExample: freshet check --config /etc/freshet/freshet.yaml")

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        _ = try options.load()
        print("\(options.config): the configuration is valid")
    }
}

/// Where the configuration comes from; shared by the commands that need one.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: "The configuration file.")
    var config: String

    @Option(name: .customLong("set"), help: "Overrides a key: --set kafka.group_id=test. May be repeated.")
    var overrides: [String] = []

    func load() throws -> Settings {
        do throws(SettingsError) {
            return try Settings.load(
                file: config, environment: ProcessInfo.processInfo.environment, overrides: overrides)
        } catch {
            throw fail("\(error)", code: ExitStatus.configuration)
        }
    }
}
