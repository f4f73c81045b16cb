import ArgumentParser
import Foundation
import Settings

/// Where the configuration comes from; shared by the commands that need one.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: "The configuration file.")
    var config: String

    @OptionGroup var overrides: OverrideOptions

    func load() throws -> Settings { try overrides.load(file: config) }
}

/// The same for commands that run without a file: the defaults hold then.
struct OptionalConfigurationOptions: ParsableArguments {
    @Option(help: "A configuration file; without it the defaults hold.")
    var config: String?

    @OptionGroup var overrides: OverrideOptions

    func load() throws -> Settings { try overrides.load(file: config) }
}

struct OverrideOptions: ParsableArguments {
    @Option(name: .customLong("set"), help: "Overrides a key: --set kafka.group_id=test. May be repeated.")
    var overrides: [String] = []

    func load(file: String?) throws -> Settings {
        do throws(SettingsError) {
            return try Settings.load(
                file: file, environment: ProcessInfo.processInfo.environment, overrides: overrides)
        } catch {
            throw fail("\(error)", code: ExitStatus.configuration)
        }
    }
}
