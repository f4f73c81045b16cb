import ArgumentParser
import Checkpoints
import Daemon
import Engine
import Events
import Foundation
import ModelFiles
import StateStore

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Takes weights from a safetensors file into a state directory.",
        discussion: """
            The file has the tensors that `freshet export` writes, by the same names, in the same shapes. Into a state
            that is there: every weight is replaced, items that it does not know are added, and sessions, counts and
            offsets stay; what the encoder's optimizer remembers begins anew. Where no state is yet, one is made of
            the model that the file was exported of, and `freshet run` goes on from it.

            Everything is checked before anything is written: a file that is damaged, or of another model, leaves
            the state as it is, with exit code 64. No daemon may be running on the state.

            Example: freshet import --state /var/lib/freshet --input weights.safetensors
            """)

    @Option(help: "The state directory.")
    var state: String

    @Option(help: "The file to read.")
    var input: String

    @OptionGroup var options: OptionalConfigurationOptions

    func run() throws {
        let settings = try options.load()
        do {
            let file = try ModelImport(path: input)
            let store = try StateStore(directory: state)
            var configuration = EngineConfiguration(settings)
            guard let model = try store.modelDescription() ?? file.model else {
                throw fail(
                    "there is no state in \(state), and \(input) does not say of what model it is: import into a state, or a file that `freshet export` wrote",
                    code: ExitStatus.usage)
            }
            guard configuration.adopt(model) else {
                throw EngineError.stateMismatch("it holds a model of encoder \(model.encoder), which this version does not know")
            }
            var engine: Engine
            if let stored = try Restoring.engine(from: store, configuration, onProgress: { _ in }) {
                engine = stored
            } else {
                engine = try Engine(configuration)
            }
            let summary = try file.replace(weightsOf: &engine)
            try store.write(engine.takeCheckpoint())
            print("\(state): \(model.encoder), version \(engine.modelVersion), \(summary.known) items replaced, \(summary.added) added")
        } catch let error as StateStoreError {
            throw fail("\(error)", code: error.recovery.exitCode)
        } catch let error as EngineError {
            throw fail("\(error)", code: error.recovery.exitCode)
        } catch let error as DaemonError {
            throw fail("\(error)", code: error.exitCode)
        } catch let error as ModelFileError {
            throw fail("\(error)", code: ExitStatus.usage)
        }
    }
}
