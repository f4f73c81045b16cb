import ArgumentParser
import Daemon
import Engine
import Evaluation
import EventFiles
import Events
import Foundation
import Learning
import StateStore

struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Warm start: learns from files of events, and leaves a state directory that run goes on from.",
        discussion: """
            The first epoch is the stream as it was, each further one rehearses windows of its sessions in a new order.
            After each epoch the newest part, which is held out, is measured; the best epoch by the encoders' NDCG@20 is
            kept, and training stops when --patience epochs brought no better one. Then the held-out part is learned.

            A state that is there already and fits the settings is gone on with; one that does not is left as it is.

            Example: freshet train --events clicks.csv.gz --epochs 10 --batch-size 64 --state /var/lib/freshet
            """)

    @Option(parsing: .upToNextOption, help: "Files of events: JSON Lines, CSV or TSV, plain or gzip; - is standard input.")
    var events: [String]

    @Option(help: "How often to go over the events at most.")
    var epochs: Int

    @Option(help: "Windows of sessions a step, 1 to \(Engine.rehearsalMax).")
    var batchSize = 64

    @Option(help: "The newest share of the events that is held out to validate, 0 to 0.5; 0 for none.")
    var validation = 0.1

    @Option(help: "Epochs without a better validation before it stops.")
    var patience = TrainingOptions.patience

    @Option(help: "The state directory.")
    var state: String

    @Option(help: "The model to train: what model.encoder takes.")
    var model: String?

    @Option(help: "Learning rate of item vectors, as learning.rate.")
    var learningRate: Double?

    @Option(help: "Seed of everything drawn by chance, as learning.seed.")
    var seed: UInt64?

    @OptionGroup var options: OptionalConfigurationOptions

    func validate() throws {
        guard (1...10_000).contains(epochs) else { throw ValidationError("--epochs is from 1 to 10000") }
        guard (1...Engine.rehearsalMax).contains(batchSize) else {
            throw ValidationError("--batch-size is from 1 to \(Engine.rehearsalMax)")
        }
        guard (0...0.5).contains(validation) else { throw ValidationError("--validation is a share from 0 to 0.5, as 0.1") }
        guard patience >= 1 else { throw ValidationError("--patience is at least 1") }
    }

    func run() throws {
        do {
            try train()
        } catch let error as EventFileError {
            throw fail("\(error)", code: ExitStatus.usage)
        } catch let error as EvaluationError {
            throw fail("\(error)", code: ExitStatus.usage)
        } catch let error as EngineError {
            throw fail("\(error)", code: error.recovery.exitCode)
        } catch let error as StateStoreError {
            throw fail("\(error)", code: error.recovery.exitCode)
        } catch let error as DaemonError {
            throw fail("\(error)", code: error.exitCode)
        }
    }

    private func train() throws {
        let configuration = try engineConfiguration()
        // The state first: what does not fit is told before anything is read or learned.
        let store = try StateStore(directory: state)
        let stored = try Restoring.engine(from: store, configuration, onProgress: { _ in })
        var history = EventHistory()
        try history.read(events)
        guard history.count > 0 else {
            throw fail("\(events.joined(separator: ", ")): no event to learn from", code: ExitStatus.usage)
        }
        var training = TrainingOptions()
        training.batchSize = batchSize
        training.validationShare = validation
        training.seed = configuration.learner.seed
        let trainer: Trainer
        if let stored {
            print("\(state): going on from version \(stored.modelVersion) with \(stored.itemCount) items and \(stored.userCount) users")
            trainer = Trainer(history, training, engine: stored)
        } else {
            trainer = Trainer(history, training, engine: try Engine(configuration))
        }
        print("\(history.count) events, \(history.userCount) users")
        try runEpochs(trainer, store, configuration)
        var progress = ProgressLine()
        try trainer.learnHeldOut { progress.show(share: $0, "learning what was held out") }
        progress.end()
        try store.write(trainer.takeCheckpoint())
        print(
            "\(state): \(configuration.encoder.rawValue), version \(trainer.modelVersion), \(trainer.itemCount) items, "
                + "\(trainer.userCount) users; \(continuation) goes on from it")
    }

    /// Trains until there is no better epoch; the best one is written, and the trainer left with it.
    private func runEpochs(_ trainer: Trainer, _ store: StateStore, _ configuration: EngineConfiguration) throws {
        var (best, bestEpoch) = (-1.0, 0)
        for epoch in 1...epochs {
            var progress = ProgressLine()
            let losses = try trainer.runEpoch { share, losses in
                progress.show(share: share, "epoch \(epoch)/\(epochs) loss \(Self.rendered(losses))")
            }
            progress.end()
            let validation = try trainer.validate()
            let isBest = !trainer.isValidating || validation.score > best
            print("epoch \(epoch)/\(epochs)  loss \(Self.rendered(losses))\(Self.line(validation))\(isBest ? "" : "  (no better)")")
            if isBest {
                (best, bestEpoch) = (validation.score, epoch)
                try store.write(trainer.takeCheckpoint())
            } else if epoch - bestEpoch >= patience {
                break
            }
        }
        guard bestEpoch < trainer.epoch else { return }
        print("keeping epoch \(bestEpoch)")
        if let engine = try Restoring.engine(from: store, configuration, onProgress: { _ in }) { trainer.replaceEngine(engine) }
    }

    private static func rendered(_ losses: [String: Double]) -> String {
        losses.isEmpty ? "-" : losses.sorted { $0.key < $1.key }.map { "\($0.key) " + String(format: "%.4f", $0.value) }.joined(separator: " ")
    }

    private static func line(_ validation: Validation) -> String {
        guard validation.scored > 0 else { return "" }
        var text = "\n  held out: loss \(rendered(validation.losses))"
        for (model, metrics) in validation.models.sorted(by: { $0.key < $1.key }) where validation.losses[model] != nil {
            text += "\n  \(model): " + String(format: "hr@20 %.4f  mrr@20 %.4f  ndcg@20 %.4f", metrics.hr20, metrics.mrr20, metrics.ndcg20)
        }
        return text
    }

    private func engineConfiguration() throws -> EngineConfiguration {
        var options = options
        options.overrides.overrides = overrides
        return EngineConfiguration(try options.load())
    }

    /// Everything that differs from the file, as `--set` takes it.
    private var overrides: [String] {
        var overrides = options.overrides.overrides
        if let model { overrides.append("model.encoder=\(model)") }
        if let learningRate { overrides.append("learning.rate=\(learningRate)") }
        if let seed { overrides.append("learning.seed=\(seed)") }
        return overrides
    }

    /// The command that goes on from the state: with another configuration it would not fit.
    private var continuation: String {
        let file = options.config.map { ["--config", $0] } ?? []
        let settings = (overrides + ["state.directory=\(state)"]).flatMap { ["--set", $0] }
        return (["freshet", "run"] + file + settings).map(Self.quoted).joined(separator: " ")
    }

    /// As a shell reads it back.
    private static func quoted(_ word: String) -> String {
        guard word.contains(where: { !($0.isASCII && ($0.isLetter || $0.isNumber) || "/._-=:,+@%".contains($0)) }) else { return word }
        return "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}
