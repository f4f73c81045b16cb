import ArgumentParser
import Checkpoints
import Daemon
import Engine
import Foundation
import ModelFiles

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes the weights of a stored state as a safetensors file, which Python reads.",
        discussion: """
            Reads the state beside a daemon that may be running. V is the number of items, D model.dimensions, MODEL
            each of gru, attention, convolution that the state holds:

            items.ids             U8 [bytes]    the items' ids in UTF-8, one after another, in the order of the rows
            items.id_ends         I64 [V]       where each id ends
            MODEL.item_embedding  F32 [V, D]    what is read of an item, and what a state is multiplied with
            MODEL.item_bias       F32 [V]       added to an item's score
            MODEL.…               F32           the dense tensors, matrices as PyTorch has them: [outputs, inputs]

            gru.weight_ih, weight_hh [3D, D] and bias_ih, bias_hh [3D] are those of torch.nn.GRU. What is read of an event
            is the sum of its item_embedding, type_embedding [16, D], gap_embedding [16, D] and repeat_embedding [3, D].
            repeat_head.weight [6, D] and bias [6]: what a state adds to the scores of its session's own items, by how many
            other items came since. convolution.N.first.weight and second.weight [D, 3D] of model.convolution: dilated, and
            convolution.conv.weight [64, 3D] of the textbook network, have three events side by side, the oldest one's first.

            Example: freshet export --state /var/lib/freshet --output weights.safetensors
            """)

    @Option(help: "The state directory.")
    var state: String

    @Option(help: "The file to write; one that is there is replaced once the new one is whole.")
    var output: String

    @OptionGroup var options: OptionalConfigurationOptions

    func run() throws {
        let settings = try options.load()
        do {
            let engine = try Restoring.storedEngine(in: state, EngineConfiguration(settings))
            try ModelExport.write(engine, to: output)
            print("\(output): \(engine.modelDescription.encoder), version \(engine.modelVersion), \(engine.itemCount) items")
        } catch let error as DaemonError {
            throw fail("\(error)", code: error.exitCode)
        } catch let error as ModelFileError {
            throw fail("\(error)", code: ExitStatus.usage)
        }
    }
}
