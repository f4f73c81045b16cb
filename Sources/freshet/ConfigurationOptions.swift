import ArgumentParser
import Foundation
import Settings

/// Where the configuration comes from; shared by the commands that need one.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: "The configuration file; by default /etc/freshet/freshet.yaml, where it is there.")
    var config: String?

    @OptionGroup var overrides: OverrideOptions

    private static let installed = "/etc/freshet/freshet.yaml"

    /// The file that is read; nil where every key has its default.
    var file: String? { config ?? (FileManager.default.fileExists(atPath: Self.installed) ? Self.installed : nil) }

    func load() throws -> Settings { try overrides.load(file: file) }
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
