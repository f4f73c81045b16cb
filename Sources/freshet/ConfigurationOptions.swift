import ArgumentParser
import Daemon
import Events
import Foundation
import Settings
import Streaming
import Tensors

/// Where the configuration comes from; shared by the commands that need one.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: "The configuration file; by default /etc/freshet/freshet.yaml, where it is there.")
    var config: String?

    @OptionGroup var overrides: OverrideOptions

    private static let installed = "/etc/freshet/freshet.yaml"

    /// The file that is read; nil where every key has its default.
    var file: String? { config ?? (FileManager.default.fileExists(atPath: Self.installed) ? Self.installed : nil) }

    func load() throws -> Settings { try overrides.load(file: file) }

    /// The configuration as it is now, for a daemon that runs; prints every problem where it cannot be taken over.
    ///
    /// - Parameter file: what was read at the start: where it is gone, that is a problem.
    func reload(file: String?) -> Settings? {
        do throws(SettingsError) {
            return try overrides.settings(file: file, emptyFile: .isRefused)
        } catch {
            _ = fail("\(error)", code: ExitStatus.configuration)
            return nil
        }
    }
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
            return try settings(file: file, emptyFile: .isDefaults)
        } catch {
            throw fail("\(error)", code: ExitStatus.configuration)
        }
    }

    fileprivate func settings(file: String?, emptyFile: Settings.EmptyFile) throws(SettingsError) -> Settings {
        let environment = ProcessInfo.processInfo.environment
        return try Settings.load(
            file: file, environment: environment, overrides: overrides, emptyFile: emptyFile,
            check: { settings in Self.problems(settings) + Self.problems(environment) })
    }

    /// What librdkafka says of its properties.
    private static func problems(_ settings: Settings) -> [(key: String, message: String)] {
        KafkaConfiguration(settings).propertyProblems().map { problem in
            (problem.name.map { "kafka.properties." + $0 } ?? "kafka.properties", problem.reason)
        }
    }

    /// The instruction set is chosen before anything is read; one that is not there is passed over.
    private static func problems(_ environment: [String: String]) -> [(key: String, message: String)] {
        guard let wanted = environment["FRESHET_ISA"], InstructionSet.current.rawValue != wanted else { return [] }
        let known = InstructionSet.available.map(\.rawValue).joined(separator: ", ")
        return [("FRESHET_ISA", "is \(wanted), which this processor does not have: leave it out, or name one of \(known)")]
    }
}

/// Arguments that name a secret in the wrong place must not be repeated in the message that says so.
enum ArgumentCheck {
    /// - Returns: what is wrong with `--set KEY VALUE`, whose value would be told as an unexpected argument.
    static func problem(_ arguments: [String]) -> String? {
        for (place, argument) in arguments.enumerated() where argument == "--set" {
            guard place + 2 < arguments.count, !arguments[place + 1].contains("="), !arguments[place + 2].hasPrefix("-") else { continue }
            return "--set takes key=value in one word, as --set kafka.group_id=test"
        }
        return nil
    }
}
