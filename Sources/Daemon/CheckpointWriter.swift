internal import Checkpoints
internal import Delivery
internal import Dispatch
internal import StateStore
internal import Synchronization

/// Writes checkpoints beside the engine, one at a time: the stream goes on meanwhile.
final class CheckpointWriter: CheckpointStore, Sendable {
    private let store: StateStore
    private let outcome = Mutex<CheckpointOutcome?>(nil)
    private let queue = DispatchQueue(label: "freshet.checkpoint")

    init(_ store: StateStore) {
        self.store = store
    }

    func start(_ checkpoint: Checkpoint) {
        queue.async { [self] in
            let written = write(checkpoint)
            outcome.withLock { $0 = written }
        }
    }

    func takeOutcome() -> CheckpointOutcome? {
        outcome.withLock { outcome in
            let taken = outcome
            outcome = nil
            return taken
        }
    }

    func waitForOutcome() -> CheckpointOutcome? {
        queue.sync {}
        return takeOutcome()
    }

    func finish(_ checkpoint: Checkpoint) -> CheckpointOutcome {
        queue.sync { write(checkpoint) }
    }

    private func write(_ checkpoint: Checkpoint) -> CheckpointOutcome {
        do throws(StateStoreError) {
            try store.write(checkpoint)
            return .written
        } catch {
            return CheckpointOutcome(failed: checkpoint, error: error)
        }
    }
}
