internal import Checkpoints
internal import Dispatch
internal import StateStore

/// How the writing of a checkpoint ended.
struct CheckpointOutcome: Sendable {
    /// The checkpoint, where it failed: its rows are to be written again.
    var failed: Checkpoint?
    var error: StateStoreError?
}

/// Writes checkpoints beside the engine, one at a time: the stream goes on meanwhile.
final class CheckpointWriter: Sendable {
    private let store: StateStore
    private let board: Board
    private let queue = DispatchQueue(label: "freshet.checkpoint")

    init(_ store: StateStore, board: Board) {
        self.store = store
        self.board = board
    }

    /// Starts writing; the outcome appears on the board.
    func start(_ checkpoint: Checkpoint) {
        queue.async { [store, board] in
            let outcome = Self.write(checkpoint, to: store)
            board.with { $0.checkpointOutcome = outcome }
        }
    }

    /// Writes now, after what is being written.
    func finish(_ checkpoint: Checkpoint) -> CheckpointOutcome {
        queue.sync { [store] in Self.write(checkpoint, to: store) }
    }

    private static func write(_ checkpoint: Checkpoint, to store: StateStore) -> CheckpointOutcome {
        do throws(StateStoreError) {
            try store.write(checkpoint)
            return CheckpointOutcome(failed: nil, error: nil)
        } catch {
            return CheckpointOutcome(failed: checkpoint, error: error)
        }
    }
}
